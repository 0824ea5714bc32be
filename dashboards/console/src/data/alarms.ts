/** The order in which alarms want to be seen. */
import type { AlarmView } from './types'

/** Unacknowledged before acknowledged, active before cleared, the more severe first, then the newest. */
export function byUrgency(a: AlarmView, b: AlarmView): number {
  return rank(a) - rank(b) || a.severity - b.severity || (b.raised_ms ?? 0) - (a.raised_ms ?? 0)
}

function rank(alarm: AlarmView): number {
  if (alarm.state === 'active_unack') return 0
  if (alarm.state === 'active_ack') return 1
  return alarm.state === 'cleared_unack' ? 2 : 3
}
