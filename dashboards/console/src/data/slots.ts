/**
 * Keeps the places of the moving actuators on the strip, so that no stop button slips under a finger that meant another.
 *
 * Who begins to move comes last; who has ended keeps its place for a while. Pure: time is an argument.
 */

/** Long enough for a second click that was meant for the same button, ms. */
export const KEPT_MS = 4000

export interface Slot {
  id: string
  /** When it was last in motion, on the monotonic clock. */
  lastMs: number
}

export function nextSlots(slots: Slot[], moving: string[], nowMs: number): Slot[] {
  const inMotion = new Set(moving)
  const held = new Set(slots.map((slot) => slot.id))
  const stayed = slots
    .map((slot) => (inMotion.has(slot.id) ? { id: slot.id, lastMs: nowMs } : slot))
    .filter((slot) => nowMs - slot.lastMs < KEPT_MS)
  return [...stayed, ...moving.filter((id) => !held.has(id)).map((id) => ({ id, lastMs: nowMs }))]
}
