/** Sends commands with an idempotency key of their own; what is allowed is the server's to say. */
import { say, t } from '../words'
import { ProblemError, api, type CommandOrder } from './api'
import type { CommandView } from './types'

export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** A repeated click or a repeated request with the same key is the same command. */
export function give(order: CommandOrder, key = newKey()): Promise<CommandView> {
  return api.command(order, key)
}

/** One click, nothing asked. Returns what to show beside the button. */
export async function giveStop(actuator: string): Promise<string> {
  try {
    await give({ actuator, action: 'stop', reason: '' })
    return t('stop_sent')
  } catch (cause) {
    return problemText(cause)
  }
}

export function problemText(cause: unknown): string {
  if (!(cause instanceof ProblemError)) return String(cause)
  if (cause.problem.status === 0) return t('no_answer')
  const words = cause.problem.reasons.map((reason) => say(reason)).filter((text) => text !== '')
  return words.length > 0 ? words.join('; ') : cause.problem.detail || cause.problem.title
}
