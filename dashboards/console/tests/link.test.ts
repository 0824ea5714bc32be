import { describe, expect, it } from 'vitest'

import { LINK_SILENCE_MS_MAX, linkState } from '../src/data/link'

describe('linkState', () => {
  it('is lost before it has heard anything and is not connected', () => {
    expect(linkState(null, 10_000, false)).toBe('lost')
    expect(linkState(null, 10_000, true)).toBe('connecting')
  })

  it('is live while messages keep coming', () => {
    expect(linkState(9_000, 10_000, true)).toBe('live')
  })

  it('is lost within 3 s of the last message, whatever the socket believes', () => {
    // The screen looks every 500 ms: the answer must have changed one look before the limit.
    for (const isConnected of [true, false]) {
      expect(linkState(0, LINK_SILENCE_MS_MAX - 500, isConnected)).toBe('lost')
      expect(linkState(0, 60_000, isConnected)).toBe('lost')
    }
  })

  it('says that it is connecting while the image is still fresh', () => {
    expect(linkState(0, 1_000, false)).toBe('connecting')
  })
})
