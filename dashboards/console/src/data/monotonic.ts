/**
 * The browser's monotonic clock, as a value that templates can follow.
 *
 * Ages and the loss of the link are counted on it, never on the wall clock of this computer, which may be set wrong.
 */
import { readonly, ref } from 'vue'

const TICK_MS = 500

const ticking = ref(performance.now())

export const nowMonotonic = readonly(ticking)

export function monotonicMs(): number {
  return performance.now()
}

export function startTicking(): void {
  window.setInterval(() => {
    ticking.value = performance.now()
  }, TICK_MS)
}
