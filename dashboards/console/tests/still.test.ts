import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, ref } from 'vue'

import { hasMoved, STILL_MS, useStill } from '../src/data/still'

describe('a list that moves under the hand', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('has moved when a line left its place, not when one came behind the last', () => {
    expect(hasMoved(['1', '2'], ['2'])).toBe(true)
    expect(hasMoved(['1', '2'], ['0', '1', '2'])).toBe(true)
    expect(hasMoved(['1', '2'], ['1', '2', '3'])).toBe(false)
    expect(hasMoved([], ['1'])).toBe(false)
  })

  it('is pressed again once it has stood still', () => {
    const ids = ref(['1', '2', '3'])
    const scope = effectScope()
    const isStill = scope.run(() => useStill(() => ids.value))
    expect(isStill?.value).toBe(true)
    ids.value = ['2', '3']
    expect(isStill?.value).toBe(false)
    vi.advanceTimersByTime(STILL_MS - 1)
    ids.value = ['3']
    vi.advanceTimersByTime(STILL_MS - 1)
    expect(isStill?.value).toBe(false)
    vi.advanceTimersByTime(1)
    expect(isStill?.value).toBe(true)
    scope.stop()
  })
})
