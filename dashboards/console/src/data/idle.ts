/** Tells the server when somebody is at the position, and locks it when nobody has been for long; the server does so too. */
import { api } from './api'
import { monotonicMs } from './monotonic'
import { state } from './store'

const LOOK_MS = 10_000
const TELL_MS = 60_000

let touchedMs = 0
let toldMs = 0

async function look(): Promise<void> {
  const session = state.session
  if (session === null || session.is_locked || session.proves_by.length === 0) return
  const nowMs = monotonicMs()
  if (nowMs - touchedMs >= session.lock_idle_s * 1000) {
    await lock()
  } else if (touchedMs > toldMs && nowMs - toldMs >= TELL_MS) {
    toldMs = nowMs
    await api.activity().catch(() => undefined)
  }
}

/** Shown as locked whatever the server answers: it locks by itself a little later. */
export async function lock(): Promise<void> {
  if (state.session !== null) state.session = { ...state.session, is_locked: true }
  await api.lock().catch(() => undefined)
}

export function watchForIdleness(): void {
  touchedMs = monotonicMs()
  for (const event of ['pointerdown', 'keydown', 'wheel'] as const) {
    window.addEventListener(event, () => (touchedMs = monotonicMs()), { passive: true, capture: true })
  }
  window.setInterval(() => void look(), LOOK_MS)
}
