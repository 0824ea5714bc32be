/**
 * Says in words where an actuator is, from the server's view of it and from nothing else.
 *
 * The command in progress is worded by `commandWords`; neither function ever reads the other's input, so that a command
 * that was sent can never look like a position.
 */
import type { ActuatorKind, ActuatorView, CommandBrief, Words } from './types'

export type PositionKind = 'closed' | 'open' | 'between' | 'contradiction' | 'unknown' | 'stale' | 'uncertain' | 'bad'

export interface PositionWords {
  kind: PositionKind
  words: Words
  /** The same where room is short. */
  short: Words
  /** True only for good and fresh feedback. */
  isTrusted: boolean
}

const WORDS: Record<PositionKind, Words> = {
  closed: { zh: '关到位', en: 'Closed (limit)' },
  open: { zh: '开到位', en: 'Open (limit)' },
  between: { zh: '中间位', en: 'Between' },
  contradiction: { zh: '不定态', en: 'Contradictory' },
  unknown: { zh: '状态不明', en: 'Position unknown' },
  stale: { zh: '数据过期', en: 'Stale' },
  uncertain: { zh: '位置存疑', en: 'Uncertain' },
  bad: { zh: '反馈坏', en: 'Bad feedback' },
}

/** A pump has no limits; its feedback contacts say that it runs or stands still. */
const PUMP_WORDS: Partial<Record<PositionKind, Words>> = {
  closed: { zh: '已停止', en: 'Stopped' },
  open: { zh: '运行中', en: 'Running' },
  between: { zh: '启停过程中', en: 'Starting or stopping' },
}

type PositionInput = Pick<ActuatorView, 'position' | 'quality' | 'fresh'>

/** `isLinkLive` is false when this screen no longer hears the server: then nothing it holds is fresh. */
export function positionWords(view: PositionInput | undefined, isLinkLive = true, of?: ActuatorKind): PositionWords {
  const kind = positionKind(view, isLinkLive)
  const words = (of === 'pump' ? PUMP_WORDS[kind] : undefined) ?? WORDS[kind]
  return { kind, words, short: { zh: words.zh, en: words.en.replace(' (limit)', '') }, isTrusted: kind === 'closed' || kind === 'open' || kind === 'between' }
}

function positionKind(view: PositionInput | undefined, isLinkLive: boolean): PositionKind {
  if (view === undefined) return 'unknown'
  if (!view.fresh || !isLinkLive) return 'stale'
  // Both limits at once is itself a fault of the feedback, and says more than "bad".
  if (view.position === 'contradiction') return 'contradiction'
  if (view.quality === 'bad') return 'bad'
  if (view.quality === 'uncertain') return 'uncertain'
  return view.quality === 'good' ? knownPosition(view.position) : 'unknown'
}

/** Anything that this version of the console has not heard of is unknown, never a position. */
function knownPosition(position: string): PositionKind {
  const isKnown = position === 'closed' || position === 'open' || position === 'between'
  return isKnown ? position : 'unknown'
}

const ACTION_WORDS: Record<string, Words> = {
  open: { zh: '开启', en: 'Open' },
  close: { zh: '关闭', en: 'Close' },
  stop: { zh: '停', en: 'Stop' },
  set: { zh: '设定开度', en: 'Set opening' },
  verify: { zh: '核对', en: 'Verify' },
}

const COMMAND_STATE_WORDS: Record<string, Words> = {
  requested: { zh: '已受理', en: 'accepted' },
  approved: { zh: '已批准', en: 'approved' },
  waiting_approval: { zh: '等待复核', en: 'awaiting second person' },
  selected: { zh: '已预选', en: 'selected' },
  released: { zh: '已下发', en: 'sent' },
  sent: { zh: '已下发', en: 'sent' },
  operating: { zh: '执行中', en: 'executing' },
  confirmed: { zh: '已证实', en: 'confirmed' },
  failed: { zh: '失败', en: 'failed' },
  unknown: { zh: '结果不明', en: 'outcome unknown' },
  refused: { zh: '已拒绝', en: 'refused' },
  expired: { zh: '已过期', en: 'expired' },
  withdrawn: { zh: '已撤回', en: 'withdrawn' },
  preempted: { zh: '被抢占', en: 'preempted' },
}

const FINAL_STATES = new Set(['confirmed', 'failed', 'unknown', 'refused', 'expired', 'withdrawn', 'preempted'])

export function isFinal(state: string): boolean {
  return FINAL_STATES.has(state)
}

export function actionWords(action: string): Words {
  return ACTION_WORDS[action] ?? { zh: action, en: action }
}

export function commandStateWords(state: string): Words {
  return COMMAND_STATE_WORDS[state] ?? { zh: state, en: state }
}

/** The command's own life, e.g. 「关闭 · 执行中」; null when there is none or it is over and proved. */
export function commandWords(command: Pick<CommandBrief, 'action' | 'state'> | null): Words | null {
  if (command === null || command.state === 'confirmed') return null
  const action = actionWords(command.action)
  const state = commandStateWords(command.state)
  return { zh: `${action.zh} · ${state.zh}`, en: `${action.en} · ${state.en}` }
}

const SHORT_ACTIONS: Record<string, Words> = {
  open: { zh: '开', en: 'Open' },
  close: { zh: '关', en: 'Close' },
  set: { zh: '开度', en: 'Set' },
}

/** The same for places where room is short: 「关 执行中」. */
export function shortCommandWords(command: Pick<CommandBrief, 'action' | 'state'> | null): Words | null {
  if (commandWords(command) === null || command === null) return null
  const action = SHORT_ACTIONS[command.action] ?? actionWords(command.action)
  const state = commandStateWords(command.state)
  return { zh: `${action.zh} ${state.zh}`, en: `${action.en} ${state.en}` }
}

/** Moving, or about to: what the strip of moving actuators and its stop buttons show. */
export function isInMotion(view: Pick<ActuatorView, 'moving' | 'command'>): boolean {
  if (view.moving === true) return true
  const command = view.command
  // A select moves nothing yet; whoever operates it makes it executing.
  return command !== null && !isFinal(command.state) && command.state !== 'selected' && command.action !== 'verify'
}
