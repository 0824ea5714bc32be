/** Numbers, times and ages as text; park time is shown, whatever zone this computer is set to. */
import type { Condition, Json, PointDefinition, Value } from '../data/types'
import { say, t, type Key } from './index'

const PARK_ZONE = 'Asia/Shanghai'

const clock = new Intl.DateTimeFormat('zh-CN', {
  timeZone: PARK_ZONE,
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
})
const day = new Intl.DateTimeFormat('sv-SE', { timeZone: PARK_ZONE, year: 'numeric', month: '2-digit', day: '2-digit' })

export function clockTime(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? '—' : clock.format(ms)
}

export function dateTime(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? '—' : `${day.format(ms)} ${clock.format(ms)}`
}

/** 42 秒, 3 分 05 秒, 2 时 10 分, 3 天 4 时. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '—'
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole} ${t('unit_s')}`
  if (whole < 3600) return `${Math.floor(whole / 60)} ${t('unit_min')} ${String(whole % 60).padStart(2, '0')} ${t('unit_s')}`
  if (whole < 86_400) return `${Math.floor(whole / 3600)} ${t('unit_h')} ${Math.floor((whole % 3600) / 60)} ${t('unit_min')}`
  return `${Math.floor(whole / 86_400)} ${t('unit_d')} ${Math.floor((whole % 86_400) / 3600)} ${t('unit_h')}`
}

/** For the mimic, where room is short: 8s, 12m, 3h, 2d. */
export function ageShort(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return ''
  if (seconds < 60) return `${Math.floor(seconds)}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}

export function number(value: number): string {
  const size = Math.abs(value)
  if (Number.isInteger(value)) return String(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
}

export function valueText(value: Value, definition?: Pick<PointDefinition, 'type'>): string {
  if (value === null) return '—'
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'number') return definition?.type === 'boolean' ? String(value) : number(value)
  return value
}

/** Limit switches are named apart from positions: 「关到位」 is said of a proved position and of nothing else. */
const LIMIT_LABELS: Record<string, Key> = { opened: 'limit_open', closed: 'limit_closed' }

export function pointLabel(definition: Pick<PointDefinition, 'name' | 'label'>): string {
  const limit = LIMIT_LABELS[definition.name]
  return limit === undefined ? say(definition.label) || definition.name : t(limit)
}

export interface NamedValue {
  name: string
  text: string
}

/** Values that came with a reason or a proof, as rows; the server may send a list of points or named figures. */
export function namedValues(values: Json | Condition['values'] | undefined): NamedValue[] {
  if (values === null || values === undefined) return []
  if (Array.isArray(values)) return values.flatMap((each) => pointRow(each as Json))
  if (typeof values !== 'object') return [{ name: '', text: plain(values) }]
  const inner = values['values']
  if (Array.isArray(inner)) return namedValues(inner)
  return Object.entries(values).map(([name, value]) => ({ name, text: isReading(value) ? readingText(value) : typeof value === 'string' ? seenText(value) : plain(value) }))
}

function isReading(value: Json): value is { [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && 'value' in value
}

function pointRow(each: Json): NamedValue[] {
  if (each === null || typeof each !== 'object' || Array.isArray(each)) return [{ name: '', text: plain(each) }]
  if (!('point' in each)) return namedValues(each)
  const unit = typeof each['unit'] === 'string' ? ` ${unitText(each['unit'])}` : ''
  const age = typeof each['age_s'] === 'number' ? ` · ${t('age')} ${duration(each['age_s'])}` : ''
  const isDoubtful = each['quality'] === 'uncertain' || each['quality'] === 'bad'
  const quality = isDoubtful ? ` · ${t(each['quality'] === 'bad' ? 'bad' : 'uncertain')}` : ''
  return [{ name: plain(each['point'] ?? ''), text: `${plain(each['value'] ?? null)}${unit}${quality}${age}` }]
}

/** The form in which a gateway's record gives a reading: value, quality (192 good, 0 bad) and time of the read. */
function readingText(reading: { [key: string]: Json }): string {
  const quality = typeof reading['quality'] === 'number' && reading['quality'] !== QUALITY_GOOD ? ` · ${t(reading['quality'] === 0 ? 'bad' : 'uncertain')}` : ''
  const at = typeof reading['observed_ms'] === 'number' ? ` · ${clockTime(reading['observed_ms'])}` : ''
  return plain(reading['value'] ?? null) + quality + at
}

const SEEN = /^(.*) \((good|uncertain|bad)(?:\/(\w+))?( stale)?, (.+)\)$/

/** The form in which a reason gives a reading, `False (bad/link stale, 4.2 s)`, in the words of the screen. */
function seenText(text: string): string {
  const found = SEEN.exec(text)
  if (found === null) return text
  const [, value = '', quality, why, stale, age = ''] = found
  const word = stale !== undefined ? t('stale') : quality === 'bad' ? t('bad') : quality === 'uncertain' ? t('uncertain') : ''
  const because = why === undefined || why === 'stale' ? '' : ` (${t(`because_${why}` as Key)})`
  return [seenValue(value), word === '' ? '' : word + because, age === '—' ? '' : `${t('age')} ${duration(Number.parseFloat(age))}`].filter((part) => part !== '').join(' · ')
}

function seenValue(value: string): string {
  const [figure = '', ...unit] = value.split(' ')
  if (figure === 'None') return '—'
  if (figure === 'True' || figure === 'False') return t(figure === 'True' ? 'yes' : 'no')
  const shown = figure !== '' && Number.isFinite(Number(figure)) ? number(Number(figure)) : figure
  return [shown, ...unit.map(unitText)].join(' ')
}

const QUALITY_GOOD = 192

const UNITS: Record<string, string> = {
  mg_L: 'mg/L', ug_L: 'µg/L', uS_cm: 'µS/cm', 'uS/cm': 'µS/cm', m3: 'm³', m3_h: 'm³/h', 'm3/h': 'm³/h', mm_h: 'mm/h', L_s: 'L/s', percent: '%', degC: '°C',
}

/** Units have names in park files; the screen shows their signs. */
export function unitText(unit: string | null | undefined): string {
  return unit === null || unit === undefined ? '' : (UNITS[unit] ?? unit)
}

function plain(value: Json): string {
  if (value === null) return '—'
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'number') return number(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}
