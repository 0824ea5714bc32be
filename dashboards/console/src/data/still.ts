/** A list whose lines have just moved is not pressed for a moment: the second press of two was meant for what stood there before. */
import { onScopeDispose, ref, watch, type Ref } from 'vue'

export const STILL_MS = 1000

/** Whether any line has left its place; what comes behind the last moves none. */
export function hasMoved(before: string[], now: string[]): boolean {
  return before.some((id, place) => now[place] !== id)
}

/** Whether the list, told by the ids of its lines, has stood still long enough. */
export function useStill(ids: () => string[]): Readonly<Ref<boolean>> {
  const isStill = ref(true)
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(ids, (now, before) => {
    if (!hasMoved(before, now)) return
    isStill.value = false
    clearTimeout(timer)
    timer = setTimeout(() => { isStill.value = true }, STILL_MS)
  }, { flush: 'sync' })
  onScopeDispose(() => clearTimeout(timer))
  return isStill
}
