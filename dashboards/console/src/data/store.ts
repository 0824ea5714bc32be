/** What the console knows: who is signed in, the park, and the live image as the server sent it. */
import { computed, reactive, shallowReactive } from 'vue'

import { ProblemError, api, setCsrf, whenLocked, whenSignedOut } from './api'
import { linkState } from './link'
import { monotonicMs, nowMonotonic } from './monotonic'
import { isInMotion } from './position'
import { question } from './proof'
import { LiveSocket } from './socket'
import type {
  ActuatorView,
  AlarmView,
  Facility,
  GatewayView,
  Live,
  LivePoint,
  OrderView,
  Park,
  RunSummary,
  Session,
  User,
  Words,
} from './types'

/** A point and the monotonic moment at which this screen received it. */
export interface HeldPoint extends LivePoint {
  heldAtMs: number
}

interface State {
  phase: 'starting' | 'setup' | 'signed-out' | 'signed-in'
  user: User | null
  session: Session | null
  park: Park | null
  /** What people are called, by user name. */
  names: Record<string, string>
  modelTimeMs: number
  modelHeldAtMs: number
  speed: number
  isConnected: boolean
  lastHeardMs: number | null
  notice: string
  /** What the site's own sign-in is called; null: there is none. */
  provider: Words | null
}

export const state: State = reactive<State>({
  phase: 'starting',
  user: null,
  session: null,
  park: null,
  names: {},
  modelTimeMs: 0,
  modelHeldAtMs: 0,
  speed: 1,
  isConnected: false,
  lastHeardMs: null,
  notice: '',
  provider: null,
})

export const points = shallowReactive<Record<string, HeldPoint>>({})
export const actuators = shallowReactive<Record<string, ActuatorView>>({})
export const alarms = shallowReactive<Record<string, AlarmView>>({})
export const runs = shallowReactive<Record<string, RunSummary>>({})
export const gateways = shallowReactive<Record<string, GatewayView>>({})
export const orders = shallowReactive<Record<string, OrderView>>({})

export const link = computed(() => linkState(state.lastHeardMs, nowMonotonic.value, state.isConnected))
/** Between two connections the image is still shown as live until it is 3 s old; then it is not. */
export const isLive = computed(() => link.value !== 'lost' && state.lastHeardMs !== null)

export const facilities = computed(() => new Map<string, Facility>(state.park?.facilities.map((f) => [f.id, f]) ?? []))

export const modelNowMs = computed(() => {
  if (!isLive.value) return state.modelTimeMs
  return state.modelTimeMs + (nowMonotonic.value - state.modelHeldAtMs) * state.speed
})

export const activeAlarms = computed(() => Object.values(alarms).filter((alarm) => alarm.state.startsWith('active') || alarm.state === 'cleared_unack'))
export const unacknowledged = computed(() => activeAlarms.value.filter((alarm) => alarm.state.endsWith('_unack')))
export const inMotion = computed(() => Object.values(actuators).filter(isInMotion))

/** Seconds since the value was observed, still counting when the server has fallen silent. */
export function ageOf(point: HeldPoint): number | null {
  if (point.age_s === null) return null
  return point.age_s + Math.max(0, nowMonotonic.value - point.heldAtMs) / 1000
}

export function roleAllows(...roles: string[]): boolean {
  return state.user?.roles.some((role) => roles.includes(role)) ?? false
}

const socket = new LiveSocket({
  onSnapshot(live) {
    for (const held of [points, actuators, alarms, runs, gateways, orders]) clear(held)
    take(live)
  },
  onDelta: take,
  onHeard(atMs) {
    state.lastHeardMs = atMs
  },
  onConnected(isConnected) {
    state.isConnected = isConnected
  },
})

function clear(held: Record<string, unknown>): void {
  for (const key of Object.keys(held)) Reflect.deleteProperty(held, key)
}

function take(live: Live): void {
  const heldAtMs = monotonicMs()
  state.modelTimeMs = live.model_time_ms
  state.modelHeldAtMs = heldAtMs
  state.speed = live.speed
  for (const [reference, point] of Object.entries(live.points ?? {})) points[reference] = { ...point, heldAtMs }
  Object.assign(actuators, live.actuators ?? {})
  for (const alarm of live.alarms ?? []) alarms[alarm.id] = alarm
  for (const run of live.runs ?? []) runs[run.id] = run
  for (const gateway of live.gateways ?? []) gateways[gateway.id] = gateway
  if (live.orders !== undefined) {
    clear(orders)
    for (const order of live.orders) orders[order.id] = order
  }
}

export async function begin(): Promise<void> {
  whenSignedOut(forget)
  whenLocked(() => {
    if (state.session !== null) state.session = { ...state.session, is_locked: true }
  })
  try {
    await admit(await api.session())
  } catch (cause) {
    state.phase = 'signed-out'
    if (cause instanceof ProblemError && cause.problem.status === 0) state.notice = cause.problem.code
    else await lookForSetup()
  }
}

async function lookForSetup(): Promise<void> {
  try {
    const setup = await api.setupNeeded()
    state.provider = setup.provider
    if (setup.needed) state.phase = 'setup'
  } catch {
    state.phase = 'signed-out'
  }
}

export async function admit(session: Session): Promise<void> {
  setCsrf(session.csrf)
  state.park = await api.park()
  await refreshNames()
  renew(session)
  state.notice = ''
  state.phase = 'signed-in'
  socket.start()
}

/** Take what the server says of this position now. */
export function renew(session: Session): void {
  setCsrf(session.csrf)
  state.session = session
  state.user = session.user
}

/** Asked for again when somebody is added; names are for reading, so a screen without them still works. */
export async function refreshNames(): Promise<void> {
  try {
    state.names = await api.names()
  } catch {
    state.names = {}
  }
}

export async function leave(): Promise<void> {
  try {
    await api.signOut()
  } finally {
    forget()
    await lookForSetup()
  }
}

function forget(): void {
  socket.stop()
  setCsrf('')
  state.user = null
  state.session = null
  question.value?.answer(null)
  state.park = null
  state.names = {}
  state.lastHeardMs = null
  state.phase = 'signed-out'
}
