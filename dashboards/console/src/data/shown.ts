/** How far a value may be trusted, and which of a facility's points its place on the mimic shows. */
import type { Facility, LivePoint, PointDefinition, Quality } from './types'

export type Trust = 'good' | 'uncertain' | 'bad' | 'stale' | 'missing'

/** Stale wins over everything but absence: an old value is never shown as a good one (I15). */
export function trustOf(point: Pick<LivePoint, 'v' | 'q' | 'stale'> | undefined, isLinkLive: boolean): Trust {
  if (point === undefined || (point.v === null && point.q !== 'bad')) return 'missing'
  if (point.stale || !isLinkLive) return 'stale'
  const known: Quality[] = ['good', 'uncertain', 'bad']
  return known.includes(point.q) ? point.q : 'bad'
}

const ON_MIMIC = ['cod', 'nh3n', 'ph', 'conductivity', 'flow', 'rain', 'stage', 'level', 'level_up', 'level_down']
const SHOWN_MAX = 4

export function shownPoints(facility: Facility): PointDefinition[] {
  const chosen = ON_MIMIC.flatMap((name) => facility.points.filter((each) => each.name === name))
  return chosen.slice(0, SHOWN_MAX)
}

export function isPool(facility: Facility): boolean {
  return facility.capacity_m3 !== null && facility.actuator === null
}

export interface Room {
  share: number | null
  freeM3: number | null
}

/** Share filled (0..1) and free volume; null when the volume is not known. */
export function roomOf(capacityM3: number | null, volumeM3: number | null): Room {
  if (capacityM3 === null || capacityM3 <= 0 || volumeM3 === null) return { share: null, freeM3: null }
  const share = Math.min(1, Math.max(0, volumeM3 / capacityM3))
  return { share, freeM3: Math.max(0, capacityM3 - volumeM3) }
}
