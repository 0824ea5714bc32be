import { describe, expect, it } from 'vitest'

import { roomOf, trustOf } from '../src/data/shown'
import type { Quality } from '../src/data/types'

describe('trustOf', () => {
  it('is good only for a good, fresh value over a live link', () => {
    for (const q of ['good', 'uncertain', 'bad', 'strange'] as Quality[]) {
      for (const stale of [true, false]) {
        for (const isLinkLive of [true, false]) {
          const isGood = q === 'good' && !stale && isLinkLive
          expect(trustOf({ v: 1, q, stale }, isLinkLive) === 'good').toBe(isGood)
          if (stale || !isLinkLive) expect(trustOf({ v: 1, q, stale }, isLinkLive)).toBe('stale')
        }
      }
    }
  })

  it('knows absence', () => {
    expect(trustOf(undefined, true)).toBe('missing')
    expect(trustOf({ v: null, q: 'good', stale: false }, true)).toBe('missing')
    expect(trustOf({ v: null, q: 'bad', stale: false }, true)).toBe('bad')
  })
})

describe('roomOf', () => {
  it('never promises room that it does not know of', () => {
    expect(roomOf(null, 10)).toEqual({ share: null, freeM3: null })
    expect(roomOf(1000, null)).toEqual({ share: null, freeM3: null })
    expect(roomOf(1000, 250)).toEqual({ share: 0.25, freeM3: 750 })
    expect(roomOf(1000, 1200)).toEqual({ share: 1, freeM3: 0 })
  })
})
