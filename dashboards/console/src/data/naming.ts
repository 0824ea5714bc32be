/** What people, edges and points are called on screen; codes stay what the server and its filters work with. */
import { facilities, state } from './store'
import type { HandReport, Reason } from './types'
import { say, t, type Key } from '../words'
import { namedValues, pointLabel, unitText, type NamedValue } from '../words/format'

const EDGE = 'edge:'
/** What was done at a locked position: who had signed in there, and nobody knows whose hand it was. */
const POSITION = 'position:'
/** Characters of a command's id that are enough to find it in the audit. */
const ID_SHOWN = 8

/** A person's name, 「系统」, or 「边缘 gw_east」; a user whom nobody has named keeps the user name. */
export function actorName(actor: string | null | undefined): string {
  if (actor === null || actor === undefined || actor === '') return '—'
  if (actor === 'system') return t('actor_system')
  if (actor.startsWith(EDGE)) {
    const [gateway = '', rule] = actor.slice(EDGE.length).split('/')
    return `${t('actor_edge')} ${gateway}${rule === undefined ? '' : ` · ${t('actor_cutoff')}`}`
  }
  if (actor.startsWith(POSITION)) {
    const signedIn = actor.slice(POSITION.length)
    return `${t('actor_position')} (${state.names[signedIn] ?? signedIn})`
  }
  return state.names[actor] ?? actor
}

/** What a driver said of its cabinet, for the engineer who reads the audit; the reason's words say it to everybody. */
const FOR_THE_AUDIT = new Set(['plc'])

/** The values behind a reason, as a person at the screen can use them. */
export function reasonValues(reason: Reason): NamedValue[] {
  return namedValues(reason.values)
    .filter((row) => !FOR_THE_AUDIT.has(row.name))
    .map((row) => reasonValue(row, reason.code === 'tagged-out' ? 'by_tag' : 'by_whom'))
}

/** One value behind a reason: a point by its name, or whose tag, order or command stands against it. */
function reasonValue(row: NamedValue, by: Key): NamedValue {
  if (row.name === 'command') return { name: t('command'), text: row.text.slice(0, ID_SHOWN) }
  return row.name === 'by' ? { name: t(by), text: actorName(row.text) } : { name: pointName(row.name), text: row.text }
}

/** 「恒川雨水排口·远程」 for hc_outlet/remote; without the facility where `own` says whose it is. */
export function pointName(reference: string, own = ''): string {
  const [facilityId = '', name = ''] = reference.split('/')
  const facility = facilities.value.get(facilityId)
  const definition = facility?.points.find((point) => point.name === name)
  if (facility === undefined || definition === undefined) return reference
  return facilityId === own ? pointLabel(definition) : `${say(facility.name)}·${pointLabel(definition)}`
}

const SIGNS: Record<string, string> = { '<=': '≤', '>=': '≥', '==': '=', '!=': '≠' }

/** A condition of the park's files as it can be read aloud: 「恒川水质分析仪·pH ≥ 6 且 …」; what it means is the server's alone. */
export function conditionText(condition: string): string {
  return condition
    .replace(/ \* ([A-Za-z]\w*)/g, (_, unit: string) => (unit === 'pH' ? '' : ` ${unitText(unit)}`))
    .replace(/\b([a-z]\w*)\.([a-z]\w*)\b/g, (_, facility: string, point: string) => pointName(`${facility}/${point}`))
    .replace(/[<>=!]=/g, (sign) => SIGNS[sign] ?? sign)
    .replace(/\bheld\(/g, `${t('condition_held')}(`)
    .replace(/\b(and|or|not)\b/g, (word) => t(`condition_${word}` as Key))
}

export function enterpriseName(id: string): string {
  return say(state.park?.enterprises.find((each) => each.id === id)?.name) || id
}

/** A facility, a plan, a gateway or a person, whichever the audit's object is. */
export function objectName(object: string): string {
  const plan = state.park?.plans.find((each) => each.id === object)
  return say(facilities.value.get(object)?.name) || say(plan?.name) || state.names[object] || object
}

/** What was found or done on site, as it is reported: never in the words of a proved position. */
export function handWords(position: HandReport['position'], isSafeClosed: boolean): string {
  if (position === 'between') return t('hand_report_between')
  if (position === 'closed') return t(isSafeClosed ? 'hand_report_closed' : 'hand_report_still_closed')
  return t(isSafeClosed ? 'hand_report_open' : 'hand_report_opened')
}

/** An order keeps a gate at its safe end, which is open for an inlet or a diversion. */
export function orderWords(isSafeClosed: boolean): string {
  return t(isSafeClosed ? 'keep_closed' : 'keep_open')
}
