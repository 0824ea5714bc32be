import { describe, expect, it } from 'vitest'

import { actionWords, commandStateWords, commandWords, isInMotion, positionWords, shortCommandWords } from '../src/data/position'
import type { Action, ActuatorView, CommandBrief, Position, Quality } from '../src/data/types'

const POSITIONS: Position[] = ['closed', 'open', 'between', 'contradiction', 'unknown']
const QUALITIES: Quality[] = ['good', 'uncertain', 'bad']
const ACTIONS: Action[] = ['open', 'close', 'stop', 'set', 'verify']
const STATES = [
  'requested', 'approved', 'waiting_approval', 'selected', 'released', 'sent', 'operating', 'confirmed', 'failed',
  'unknown', 'refused', 'expired', 'withdrawn', 'preempted', 'a-state-of-a-later-version',
]
const MOVING = [true, false, null]

function command(action: Action, state: string): CommandBrief {
  return { id: 'c1', action, state, author: 'zhang', since_ms: 0 }
}

function view(position: Position, quality: Quality, fresh: boolean, of: CommandBrief | null, moving: boolean | null): ActuatorView {
  return {
    id: 'hc_outlet', position, position_words: { zh: '关到位', en: 'closed' }, quality, fresh, reason: null, last_seen: 'closed', opening_percent: 0, moving,
    remote: true, fault: false, doubt: of?.state === 'unknown', tagged: null, tags: [], overrides: [], waiting: [], tickets: [], commissioning: null, is_commissioned: true, keep_closed: [], command: of, hand_report: null,
  }
}

function everyView(): ActuatorView[] {
  const commands = [null, ...ACTIONS.flatMap((action) => STATES.map((state) => command(action, state)))]
  return commands.flatMap((of) =>
    POSITIONS.flatMap((position) =>
      QUALITIES.flatMap((quality) =>
        [true, false].flatMap((fresh) => MOVING.map((moving) => view(position, quality, fresh, of, moving))),
      ),
    ),
  )
}

describe('positionWords', () => {
  it('says 关到位 for closed, good, fresh and a live link, and for nothing else', () => {
    const views = everyView()
    expect(views.length).toBe(76 * 5 * 3 * 2 * 3)
    for (const each of views) {
      for (const isLinkLive of [true, false]) {
        const says = positionWords(each, isLinkLive)
        const isProved = each.position === 'closed' && each.quality === 'good' && each.fresh && isLinkLive
        expect(says.words.zh.includes('关到位'), JSON.stringify(each)).toBe(isProved)
        expect(says.words.en.startsWith('Closed'), JSON.stringify(each)).toBe(isProved)
        expect(says.kind === 'closed').toBe(isProved)
      }
    }
  })

  it('says 开到位 for open, good, fresh and a live link, and for nothing else', () => {
    for (const each of everyView()) {
      for (const isLinkLive of [true, false]) {
        const isProved = each.position === 'open' && each.quality === 'good' && each.fresh && isLinkLive
        expect(positionWords(each, isLinkLive).words.zh === '开到位').toBe(isProved)
      }
    }
  })

  it('says the same whatever command is in progress', () => {
    for (const each of everyView()) {
      const { position, quality, fresh } = each
      expect(positionWords(each)).toEqual(positionWords({ position, quality, fresh }))
    }
  })

  it('says of a pump that it stands still only on the same terms', () => {
    for (const each of everyView()) {
      const isProved = each.position === 'closed' && each.quality === 'good' && each.fresh
      const says = positionWords(each, true, 'pump').words.zh
      expect(says.includes('已停止')).toBe(isProved)
      expect(says).not.toContain('关到位')
    }
  })

  it('trusts good and fresh feedback only', () => {
    for (const each of everyView()) {
      const isTrusted = positionWords(each).isTrusted
      if (isTrusted) expect([each.quality, each.fresh]).toEqual(['good', true])
    }
  })

  it.each([
    ['between', 'good', true, '中间位'],
    ['contradiction', 'bad', true, '不定态'],
    ['unknown', 'good', true, '状态不明'],
    ['closed', 'uncertain', true, '位置存疑'],
    ['closed', 'bad', true, '反馈坏'],
    ['closed', 'good', false, '数据过期'],
    ['contradiction', 'bad', false, '数据过期'],
  ] as const)('%s, %s, fresh %s → %s', (position, quality, fresh, words) => {
    expect(positionWords({ position, quality, fresh }).words.zh).toBe(words)
  })

  it('does not know what it was never told', () => {
    expect(positionWords(undefined).kind).toBe('unknown')
    const strange = { position: 'ajar' as Position, quality: 'good' as Quality, fresh: true }
    expect(positionWords(strange).kind).toBe('unknown')
    const stranger = { position: 'closed' as Position, quality: 'perfect' as Quality, fresh: true }
    expect(positionWords(stranger).kind).toBe('unknown')
  })
})

describe('commandWords', () => {
  it('never sounds like a position', () => {
    for (const action of ACTIONS) {
      for (const state of STATES) {
        for (const words of [commandWords(command(action, state)), shortCommandWords(command(action, state))]) {
          expect(words?.zh ?? '').not.toMatch(/到位/)
          expect(words?.en ?? '').not.toMatch(/closed|limit/i)
        }
      }
    }
  })

  it('is silent when nothing is under way, and passes on what it does not know', () => {
    expect(commandWords(null)).toBeNull()
    expect(commandWords(command('close', 'confirmed'))).toBeNull()
    expect(commandWords(command('close', 'operating'))?.zh).toBe('关闭 · 执行中')
    expect(commandStateWords('new').zh).toBe('new')
    expect(actionWords('lift').zh).toBe('lift')
  })
})

describe('isInMotion', () => {
  it('offers the stop while anything moves or may be about to', () => {
    for (const each of everyView()) {
      if (each.moving === true) expect(isInMotion(each)).toBe(true)
      if (each.command?.state === 'operating' && each.command.action !== 'verify') expect(isInMotion(each)).toBe(true)
    }
    expect(isInMotion({ moving: false, command: null })).toBe(false)
    expect(isInMotion({ moving: null, command: command('close', 'confirmed') })).toBe(false)
  })
})
