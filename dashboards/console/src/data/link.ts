/** Decides whether what the screen shows may still be trusted, from the age of the last message. */

/** Without any message for this long everything on the screen is out of date (I15). */
export const LINK_SILENCE_MS_MAX = 3000

/** The screen says so a little before the limit is over, so that it is never later than 3 s. */
const MARGIN_MS = 600

export type LinkState = 'live' | 'connecting' | 'lost'

/** `lastMessageMs` and `nowMs` are on the same monotonic clock; null means nothing was ever received. */
export function linkState(lastMessageMs: number | null, nowMs: number, isConnected: boolean): LinkState {
  if (lastMessageMs === null) return isConnected ? 'connecting' : 'lost'
  if (nowMs - lastMessageMs > LINK_SILENCE_MS_MAX - MARGIN_MS) return 'lost'
  return isConnected ? 'live' : 'connecting'
}
