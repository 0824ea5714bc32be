/** The one door to control's REST API; turns answers into values and problems into `ProblemError`. */
import { ask } from './proof'
import type {
  Action,
  AuditPage,
  AuditReport,
  Check,
  CommandView,
  Commissioning,
  Factor,
  HandCard,
  HistoryBucket,
  Json,
  Park,
  PlanSummary,
  Preview,
  Problem,
  Proposal,
  Reopening,
  ReopeningPreview,
  ReopeningRun,
  RunSummary,
  RunView,
  Select,
  Session,
  Setup,
  Ticket,
  Token,
  Travel,
  User,
  UserChange,
  Why,
} from './types'

const PREFIX = 'api/v1'
/** A closure and a one-key plan are taken from a locked position with its PIN; the server decides which of them it takes. */
const HEARS_PIN = /^\/(commands|plans\/[^/]+\/runs|proposals\/runs)$/
const TIMEOUT_MS = 15_000

/** The words of a refusal as the server gave them; status 0 means that no answer came. */
export class ProblemError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail || problem.title)
    this.problem = problem
  }
}

let csrfToken = ''
let onSignedOut: () => void = () => undefined
let onLocked: () => void = () => undefined

export function setCsrf(token: string): void {
  csrfToken = token
}

export function whenSignedOut(call: () => void): void {
  onSignedOut = call
}

export function whenLocked(call: () => void): void {
  onLocked = call
}

export function apiUrl(path: string): string {
  return new URL(`${PREFIX}${path}`, document.baseURI).toString()
}

/** What the server first wants from the person is asked for, and the request made once more. */
async function request<T>(method: string, path: string, body?: Json, headers: Record<string, string> = {}): Promise<T> {
  try {
    return await requestOnce<T>(method, path, body, headers)
  } catch (cause) {
    if (method === 'GET' || !(cause instanceof ProblemError)) throw cause
    const more = await provedFor(cause.problem, path)
    if (more === null) throw cause
    return request<T>(method, path, body, { ...headers, ...more })
  }
}

/** Headers to send it again with; null: nothing was wanted, or the person gave up. */
async function provedFor(problem: Problem, path: string): Promise<Record<string, string> | null> {
  if (problem.code === 'proof-needed') return (await ask('proof')) === null ? null : {}
  const locked = problem.reasons.find((reason) => reason.code === 'position-locked')
  if (locked === undefined) return null
  onLocked()
  const pin = locked.values['pin']
  if (!HEARS_PIN.test(path) || pin === 'void' || pin === 'none') return (await ask('unlock')) === null ? null : {}
  const given = await ask('pin', pin === 'wrong' ? 'pin_wrong' : '')
  return given === null ? null : { 'X-Stoplog-Pin': given }
}

async function requestOnce<T>(method: string, path: string, body: Json | undefined, headers: Record<string, string>): Promise<T> {
  const answer = await send(method, path, body, headers)
  if (answer.status === 401 && !path.startsWith('/session') && !path.startsWith('/setup')) onSignedOut()
  if (!answer.ok) throw new ProblemError(await problemOf(answer))
  if (answer.status === 204) return undefined as T
  return (await answer.json()) as T
}

async function send(method: string, path: string, body: Json | undefined, headers: Record<string, string>): Promise<Response> {
  const all: Record<string, string> = { Accept: 'application/json', ...headers }
  if (body !== undefined) all['Content-Type'] = 'application/json'
  if (method !== 'GET') all['X-Stoplog-Csrf'] = csrfToken
  const options: RequestInit = { method, headers: all, credentials: 'same-origin', signal: AbortSignal.timeout(TIMEOUT_MS) }
  if (body !== undefined) options.body = JSON.stringify(body)
  try {
    return await fetch(apiUrl(path), options)
  } catch (cause) {
    throw new ProblemError(noAnswer(cause))
  }
}

function noAnswer(cause: unknown): Problem {
  const detail = cause instanceof Error ? cause.message : String(cause)
  return { type: 'about:blank', title: 'no answer', title_zh: '没有应答', status: 0, detail, code: 'no-answer', reasons: [] }
}

async function problemOf(answer: Response): Promise<Problem> {
  const fallback: Problem = {
    type: 'about:blank',
    title: answer.statusText,
    title_zh: answer.statusText,
    status: answer.status,
    detail: '',
    code: `http-${answer.status}`,
    reasons: [],
  }
  try {
    const read = (await answer.json()) as Partial<Problem>
    return { ...fallback, ...read, reasons: Array.isArray(read.reasons) ? read.reasons : [] }
  } catch {
    return fallback
  }
}

const id = encodeURIComponent

function query(values: Record<string, string | number | null | undefined>): string {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== '')
  if (given.length === 0) return ''
  return '?' + new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
}

export interface CommandOrder {
  actuator: string
  action: Action
  reason: string
  parameters?: { opening_percent?: number }
  select?: string
  accept_warnings?: string[]
}

export interface NewUser {
  username: string
  display_name: string
  password: string
  roles: string[]
  enterprise?: string
}

/** On what a river sluice moves: a dispatch order, or an emergency that is recorded as one. */
export type Basis = { dispatch_order: string } | { emergency: string } | Record<string, never>

export interface AuditQuery {
  limit?: number
  before?: number | null
  actor?: string
  object?: string
  kind?: string
  /** Stands somewhere in the record. */
  text?: string
}

export const api = {
  setupNeeded: () => request<Setup>('GET', '/setup'),
  setup: (body: { token: string; username: string; display_name: string; password: string }) =>
    request<Json>('POST', '/setup', body),
  session: () => request<Session>('GET', '/session'),
  signIn: (username: string, password: string, code: string | null) =>
    request<Session>('POST', '/session', { username, password, code }),
  signInByLink: (token: string) => request<Session>('POST', '/session/link', { token }),
  signOut: () => request<Json>('DELETE', '/session'),
  activity: () => request<Json>('POST', '/session/activity', {}),
  lock: () => request<Json>('POST', '/session/lock', {}),
  unlock: (password: string, code: string | null) => request<Session>('POST', '/session/unlock', { password, code }),
  prove: (password: string | null, code: string | null) => request<Session>('POST', '/session/proof', { password, code }),
  setPin: (pin: string) => request<Json>('PUT', '/session/pin', { pin }),
  dropPin: () => request<Json>('DELETE', '/session/pin'),
  changePassword: (old: string, fresh: string) => request<Json>('POST', '/session/password', { old, new: fresh }),
  offerFactor: () => request<Factor>('POST', '/session/second-factor', {}),
  confirmFactor: (secret: string, code: string) => request<Json>('PUT', '/session/second-factor', { secret, code }),
  names: () => request<Record<string, string>>('GET', '/names'),
  users: () => request<User[]>('GET', '/users'),
  addUser: (user: NewUser) => request<User>('POST', '/users', { ...user }),
  changeUser: (username: string, body: UserChange) => request<User>('PATCH', `/users/${id(username)}`, { ...body }),
  removeFactor: (username: string) => request<Json>('DELETE', `/users/${id(username)}/second-factor`),
  tokens: () => request<Token[]>('GET', '/tokens'),
  makeToken: (body: { name: string; roles: string[]; days: number; enterprise?: string }) =>
    request<{ secret: string; token: Token }>('POST', '/tokens', { ...body }),
  revokeToken: (token: string) => request<Json>('DELETE', `/tokens/${id(token)}`),

  park: () => request<Park>('GET', '/park'),
  why: (actuator: string, action: Action) => request<Why>('GET', `/actuators/${id(actuator)}/why${query({ action })}`),
  handCard: (actuator: string) => request<HandCard>('GET', `/actuators/${id(actuator)}/hand-card`),
  reportByHand: (actuator: string, body: { by: string; position: string; note: string }) =>
    request<Json>('POST', `/actuators/${id(actuator)}/hand-reports`, body),

  askTicket: (actuator: string, action: Action, reason: string) =>
    request<Ticket>('POST', '/tickets', { actuator, action, reason, parameters: {} }),
  ticket: (ticket: string) => request<Ticket>('GET', `/tickets/${id(ticket)}`),
  agreeToTicket: (ticket: string, contentHash: string) =>
    request<Ticket>('POST', `/tickets/${id(ticket)}/approve`, { content_hash: contentHash }),
  /** Withdraw one's own, or refuse another's. */
  endTicket: (ticket: string) => request<Json>('DELETE', `/tickets/${id(ticket)}`),
  select: (actuator: string, action: Action, reason: string, ticket: string | null) =>
    request<Select>('POST', '/selects', { actuator, action, reason, parameters: {}, ticket }),
  cancelSelect: (select: string) => request<Json>('DELETE', `/selects/${id(select)}`),
  command: (order: CommandOrder, idempotencyKey: string) =>
    request<CommandView>(
      'POST',
      '/commands',
      { parameters: {}, accept_warnings: [], ...order },
      { 'Idempotency-Key': idempotencyKey },
    ),
  commands: (actuator: string, limit: number) => request<CommandView[]>('GET', `/commands${query({ actuator, limit })}`),
  commandById: (command: string) => request<CommandView>('GET', `/commands/${id(command)}`),

  plans: () => request<PlanSummary[]>('GET', '/plans'),
  preview: (plan: string) => request<Preview>('GET', `/plans/${id(plan)}/preview`),
  run: (plan: string, body: { content_hash: string; reason: string; accept_warnings: boolean }) =>
    request<RunView>('POST', `/plans/${id(plan)}/runs`, body),
  runs: () => request<RunSummary[]>('GET', '/runs'),
  runById: (run: string) => request<RunView>('GET', `/runs/${id(run)}`),
  approveRun: (run: string, basis: Basis) =>
    request<RunView>('POST', `/runs/${id(run)}/approve`, { ...basis, clearance: true }),
  pauseRun: (run: string) => request<RunView>('POST', `/runs/${id(run)}/pause`, {}),
  resumeRun: (run: string) => request<RunView>('POST', `/runs/${id(run)}/resume`, {}),

  propose: (source: string, inflow: number | null) => request<Proposal>('GET', `/proposals${query({ source, inflow_m3_h: inflow })}`),
  runProposal: (source: string, contentHash: string, reason: string) =>
    request<RunView>('POST', '/proposals/runs', { source, content_hash: contentHash, reason }),

  reopenings: () => request<Reopening[]>('GET', '/reopenings'),
  reopening: (reopening: string) => request<ReopeningPreview>('GET', `/reopenings/${id(reopening)}/preview`),
  askReopening: (reopening: string, contentHash: string, reason: string) =>
    request<ReopeningRun>('POST', `/reopenings/${id(reopening)}/runs`, { content_hash: contentHash, reason }),
  reopeningRuns: () => request<ReopeningRun[]>('GET', '/reopening-runs'),
  approveReopening: (run: string, contentHash: string, basis: Basis) =>
    request<ReopeningRun>('POST', `/reopening-runs/${id(run)}/approve`, { content_hash: contentHash, ...basis, clearance: true }),
  abortReopening: (run: string) => request<ReopeningRun>('POST', `/reopening-runs/${id(run)}/abort`, {}),
  abortRun: (run: string) => request<RunView>('POST', `/runs/${id(run)}/abort`, {}),

  acknowledge: (alarm: string, occurrence: number, severity: number) =>
    request<Json>('POST', `/alarms/${id(alarm)}/acknowledge`, { occurrence, severity }),
  keep: (actuator: string, reason: string) => request<Json>('POST', '/orders', { actuator, reason }),
  tag: (actuator: string, reason: string, untilMs: number) =>
    request<Json>('POST', '/tags', { actuator, reason, until_ms: untilMs }),
  liftTag: (tag: string, reason: string) => request<Json>('POST', `/tags/${id(tag)}/lift`, { reason }),
  agreeToLift: (tag: string, contentHash: string) =>
    request<Json>('POST', `/tags/${id(tag)}/lift/approve`, { content_hash: contentHash }),
  askOverride: (actuator: string, interlock: string, reason: string, untilMs: number) =>
    request<Json>('POST', '/overrides', { actuator, interlock, reason, until_ms: untilMs }),
  agreeToOverride: (override: string, contentHash: string) =>
    request<Json>('POST', `/overrides/${id(override)}/approve`, { content_hash: contentHash }),
  liftOverride: (override: string) => request<Json>('DELETE', `/overrides/${id(override)}`),

  commissioning: () => request<Commissioning[]>('GET', '/commissioning'),
  beginCheck: (actuator: string) => request<Check>('POST', '/commissioning', { actuator }),
  confirmItem: (check: string, item: string, note: string) =>
    request<Check>('POST', `/commissioning/${id(check)}/confirmations`, { item, note }),
  signCheck: (check: string, witness: string, note: string) =>
    request<Check>('POST', `/commissioning/${id(check)}/signature`, { witness, note }),
  abandonCheck: (check: string) => request<Json>('DELETE', `/commissioning/${id(check)}`),
  voidSignature: (actuator: string, reason: string) =>
    request<Json>('POST', `/actuators/${id(actuator)}/commissioning/void`, { reason }),
  travel: (actuator: string) => request<Travel>('GET', `/actuators/${id(actuator)}/travel`),

  audit: (filter: AuditQuery) => request<AuditPage>('GET', `/audit${query({ ...filter })}`),
  /** Where the browser fetches the chosen records as a table, and the page to print and sign. */
  auditTable: (filter: AuditQuery) => apiUrl(`/audit/export${query({ format: 'csv', ...filter })}`),
  auditPrintout: () => apiUrl('/audit/printout'),
  auditVerify: () => request<AuditReport>('GET', '/audit/verify'),
  history: (point: string, fromMs: number, toMs: number, buckets: number) =>
    request<{ points: HistoryBucket[] }>('GET', `/history${query({ point, from_ms: fromMs, to_ms: toMs, buckets })}`),
  system: () => request<{ [key: string]: Json }>('GET', '/system'),
}
