import { describe, expect, it } from 'vitest'

import { KEPT_MS, nextSlots } from '../src/data/slots'

describe('nextSlots', () => {
  it('leaves every button where it was when one before it ends', () => {
    const before = nextSlots([], ['a', 'b', 'c'], 0)
    const after = nextSlots(before, ['b', 'c'], KEPT_MS - 1)
    expect(after.map((slot) => slot.id)).toEqual(['a', 'b', 'c'])
  })

  it('gives the place up after a while, and new movers come last', () => {
    const before = nextSlots([], ['a', 'b'], 0)
    const during = nextSlots(before, ['b', 'z'], 100)
    expect(during.map((slot) => slot.id)).toEqual(['a', 'b', 'z'])
    expect(nextSlots(during, ['z', 'b'], KEPT_MS + 1).map((slot) => slot.id)).toEqual(['b', 'z'])
  })

  it('keeps its place when it moves again in time', () => {
    const before = nextSlots(nextSlots([], ['a', 'b'], 0), ['b'], 1000)
    expect(nextSlots(before, ['b', 'a'], 2000).map((slot) => slot.id)).toEqual(['a', 'b'])
  })
})
