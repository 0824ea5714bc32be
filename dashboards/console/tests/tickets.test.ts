import { describe, expect, it } from 'vitest'

import { concerning, mayAnswer, ownTicket, secondsLeft } from '../src/data/tickets'
import type { ActuatorView, Ticket } from '../src/data/types'

function ticket(id: string, by: string, state: Ticket['state'] = 'waiting', askedMs = 0): Ticket {
  return {
    id, by, state, actuator: 'hc_outlet', action: 'open', parameters: {}, reason: '恢复', words: { zh: '开恒川雨水排口', en: 'open it' },
    second: null, asked_ms: askedMs, until_ms: 600_000, ended_by: null, content_hash: 'h',
  }
}

function view(...tickets: Ticket[]): ActuatorView {
  return { tickets } as unknown as ActuatorView
}

const zhao = { username: 'zhao', roles: ['operator'] }

describe('a ticket', () => {
  it('is found again by who asked for it, for that action only', () => {
    const held = view(ticket('1', 'li'), ticket('2', 'zhao'))
    expect(ownTicket(held, 'zhao', 'open')?.id).toBe('2')
    expect(ownTicket(held, 'zhao', 'close')).toBeUndefined()
    expect(ownTicket(undefined, 'zhao', 'open')).toBeUndefined()
  })

  it('is answered by another person of the control room', () => {
    expect(mayAnswer(ticket('1', 'li'), zhao)).toBe(true)
    expect(mayAnswer(ticket('1', 'zhao'), zhao)).toBe(false)
    expect(mayAnswer(ticket('1', 'li'), { username: 'wu', roles: ['viewer', 'engineer'] })).toBe(false)
    expect(mayAnswer(ticket('1', 'li'), null)).toBe(false)
  })

  it('is shown to whom it waits for, and to who asked until it is used', () => {
    const views = [view(ticket('3', 'zhao', 'approved', 3)), view(ticket('2', 'li', 'approved', 2), ticket('1', 'li', 'waiting', 1))]
    expect(concerning(views, zhao).map((each) => each.id)).toEqual(['1', '3'])
    expect(concerning(views, { username: 'wu', roles: ['viewer'] })).toEqual([])
  })

  it('counts down in the operator’s own seconds', () => {
    expect(secondsLeft(ticket('1', 'li'), 0, 1)).toBe(600)
    expect(secondsLeft(ticket('1', 'li'), 540_000, 4)).toBe(15)
    expect(secondsLeft(ticket('1', 'li'), 700_000, 1)).toBe(0)
  })
})
