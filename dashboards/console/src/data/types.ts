/** The shapes that control's API speaks, in one place; nothing here decides anything. */

export interface Words {
  zh: string
  en: string
}

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

export type Quality = 'good' | 'uncertain' | 'bad'
export type Value = number | boolean | string | null

/** A value that a decision was made on, with its quality and age at that moment. */
export interface EvidenceValue {
  point: string
  value: Value
  unit?: string | null
  quality?: Quality | null
  age_s?: number | null
}

export interface Reason {
  code: string
  zh: string
  en: string
  /** A list of point values, or named figures, depending on the code. */
  values?: Json
  /** Whose block it is, in a plan's preview. */
  actuator?: string
}

export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  reasons: Reason[]
}

export interface User {
  username: string
  display_name: string
  roles: string[]
  enterprise?: string | null
}

export interface Session {
  user: User
  csrf: string
}

export interface PointDefinition {
  name: string
  label: Words
  unit: string | null
  type: 'number' | 'boolean' | 'text'
  range_min: number | null
  range_max: number | null
}

export type ActuatorKind = 'gate' | 'valve' | 'sluice' | 'pump'
export type Tier = 'enterprise' | 'park' | 'river'

export interface ActuatorDefinition {
  safe_position: 'open' | 'closed'
  travel_time_s: number
  kind: ActuatorKind
}

export interface Facility {
  id: string
  name: Words
  kind: string
  tier: Tier
  line: 1 | 2 | 3 | null
  enterprise: string | null
  flows_to: { to: string; via: string | null }[]
  x: number
  y: number
  capacity_m3: number | null
  actuator: ActuatorDefinition | null
  points: PointDefinition[]
}

export interface Enterprise {
  id: string
  name: Words
  risk: 'major' | 'larger' | 'general'
}

export interface PlanSummary {
  id: string
  name: Words
  scope: PlanScope
  steps?: number
}

export type PlanScope = string | { enterprise: string }

export interface Park {
  id: string
  name: Words
  enterprises: Enterprise[]
  facilities: Facility[]
  plans: PlanSummary[]
}

export interface LivePoint {
  v: Value
  q: Quality
  reason: string | null
  /** Model time of the observation, ms. */
  t: number
  /** Age when the message left the server, seconds. */
  age_s: number | null
  stale: boolean
}

export type Position = 'closed' | 'open' | 'between' | 'contradiction' | 'unknown'
export type Action = 'open' | 'close' | 'stop' | 'set' | 'verify'

export interface CommandBrief {
  id: string
  action: Action
  state: string
  author: string
  since_ms: number
}

export interface HandReport {
  by: string
  position: string
  note?: string | null
  at_ms?: number | null
}

export interface ActuatorView {
  id: string
  position: Position
  position_words: Words
  quality: Quality
  fresh: boolean
  opening_percent: number | null
  moving: boolean | null
  remote: boolean | null
  fault: boolean | null
  doubt: boolean
  tagged: { by: string; reason: string; until: number | null } | null
  keep_closed: string[]
  command: CommandBrief | null
  hand_report: HandReport | null
}

export type AlarmState = 'active_unack' | 'active_ack' | 'cleared_unack' | 'cleared'

export interface AlarmView {
  id: string
  rule: string
  /** Null when the alarm is about the system itself. */
  facility: string | null
  enterprise: string | null
  severity: 1 | 2 | 3
  state: AlarmState
  occurrence: number
  words: Words
  value: Value
  unit: string | null
  limit: number | null
  raised_ms: number
  cleared_ms: number | null
  acknowledged_by: string | null
}

export interface OrderView {
  id: string
  actuator: string
  reason?: string | null
  by?: string | null
  since_ms?: number | null
  words?: Words
}

export interface GatewayView {
  id: string
  state: 'online' | 'stale' | 'offline'
  heartbeat_age_s: number | null
  journal_depth: number | null
  journal_full: boolean
}

export type RunState = 'running' | 'waiting_approval' | 'done' | 'done_with_failures' | 'aborted'

export interface RunSummary {
  id: string
  plan: string
  author: string
  reason?: string
  started_ms: number
  ended_ms?: number | null
  state: RunState
}

export type StepState =
  | 'waiting'
  | 'waiting_approval'
  | 'running'
  | 'confirmed'
  | 'failed'
  | 'unknown'
  | 'refused'
  | 'skipped'

export interface RunStep {
  id: string
  actuator: string
  action: Action
  state: StepState
  command: string | null
  reasons: Reason[]
  evidence: Json
  proved_ms: number | null
}

export interface RunView extends RunSummary {
  reason: string
  steps: RunStep[]
}

export interface PreviewStep {
  id: string
  order: number
  group: string | number | null
  actuator: string
  action: Action
  tier: Tier
  travel_time_s: number
  needs_approval: boolean
  already: boolean
  warnings: Reason[]
  refusals: Reason[]
  on_failure: string
  /** The step that is run instead when this one fails. */
  alternative?: string | null
  words: Words
}

export interface PoolRoom {
  facility: string
  capacity_m3: number | null
  volume_m3: number | null
  free_m3: number | null
  quality: Quality
}

export interface Preview {
  plan: string | PlanSummary
  content_hash: string
  steps: PreviewStep[]
  pools: PoolRoom[]
  blocks: Reason[]
  expected_s: number | null
}

export interface Condition {
  text: string
  verdict: 'true' | 'false' | 'unknown' | boolean | null
  values: EvidenceValue[]
}

export interface Why {
  allowed: boolean
  warnings: Reason[]
  refusals: Reason[]
  conditions: Condition[]
}

export interface Select {
  id: string
  expires_ms: number
}

export interface CommandTransition {
  state: string
  at_ms: number
  reasons?: Reason[]
  evidence?: Json
}

export interface CommandView {
  id: string
  actuator: string
  action: Action
  state: string
  author: string
  reason: string
  created_ms: number
  transitions: CommandTransition[]
  outcome: string | null
}

export interface HandCard {
  title: Words
  who: string
  phone: string
  where: string
  how: (string | Words)[]
}

export interface AuditRecord {
  seq: number
  at_ms: number
  actor: string
  kind: string
  object: string | null
  words: Words
  body: Json
  hash: string
}

export interface AuditPage {
  records: AuditRecord[]
  size: number
  root: string
}

export interface HistoryBucket {
  t: number
  min: number | null
  max: number | null
  mean: number | null
  last: Value
  count: number
  quality: Quality
}

export type Live = {
  model_time_ms: number
  speed: number
  gateways?: GatewayView[]
  points?: Record<string, LivePoint>
  actuators?: Record<string, ActuatorView>
  alarms?: AlarmView[]
  orders?: OrderView[]
  runs?: RunSummary[]
  message?: Words | string | null
}

export type LiveMessage =
  | ({ type: 'snapshot'; n: number } & Live)
  | ({ type: 'delta'; n: number } & Live)
  | { type: 'tick' }
