import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { LiveSocket } from '../src/data/socket'

/** A socket that the test plays the server of. */
class FakeSocket {
  static opened: FakeSocket[] = []
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: (() => void) | null = null
  isClosed = false

  constructor(readonly url: string) {
    FakeSocket.opened.push(this)
  }

  close(): void {
    this.isClosed = true
  }

  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }
}

const LIVE = { model_time_ms: 0, speed: 1 }
const heard: string[] = []
const listener = {
  onSnapshot: () => void heard.push('snapshot'),
  onDelta: () => void heard.push('delta'),
  onHeard: () => undefined,
  onConnected: (isConnected: boolean) => void heard.push(isConnected ? 'connected' : 'gone'),
}

function newest(): FakeSocket {
  const last = FakeSocket.opened.at(-1)
  if (last === undefined) throw new Error('no socket was opened')
  return last
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeSocket)
  vi.stubGlobal('window', globalThis)
  vi.stubGlobal('document', { baseURI: 'https://park.example/' })
  FakeSocket.opened = []
  heard.length = 0
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('LiveSocket', () => {
  function started(): void {
    new LiveSocket(listener).start()
    newest().say({ type: 'snapshot', n: 7, ...LIVE })
  }

  it('speaks to the same origin and hands on deltas in order', () => {
    started()
    expect(newest().url).toBe('wss://park.example/api/v1/live')
    newest().say({ type: 'delta', n: 8, ...LIVE })
    newest().say({ type: 'delta', n: 9, ...LIVE })
    expect(heard).toEqual(['connected', 'snapshot', 'delta', 'delta'])
  })

  it('takes nothing after a gap, and asks for a new snapshot', () => {
    started()
    const first = newest()
    first.say({ type: 'delta', n: 9, ...LIVE })
    expect(first.isClosed).toBe(true)
    expect(heard).not.toContain('delta')
    vi.advanceTimersByTime(300)
    newest().say({ type: 'snapshot', n: 1, ...LIVE })
    newest().say({ type: 'delta', n: 2, ...LIVE })
    expect(heard.slice(-3)).toEqual(['connected', 'snapshot', 'delta'])
  })

  it('drops a connection that has fallen silent, and is kept alive by ticks', () => {
    started()
    const first = newest()
    for (let second = 0; second < 10; second += 1) {
      vi.advanceTimersByTime(1000)
      first.say({ type: 'tick' })
    }
    expect(first.isClosed).toBe(false)
    vi.advanceTimersByTime(3600)
    expect(first.isClosed).toBe(true)
    expect(heard.at(-1)).toBe('gone')
  })

  it('comes again, ever more slowly, while the server refuses', () => {
    started()
    for (let turn = 0; turn < 6; turn += 1) {
      newest().onclose?.()
      vi.advanceTimersByTime(3000)
    }
    expect(FakeSocket.opened.length).toBe(7)
  })
})
