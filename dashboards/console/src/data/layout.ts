/**
 * Places the park's graph on the screen: the site's own coordinates stretched to the space there is, pipes as elbows.
 *
 * Pure geometry; it knows nothing of values and draws nothing.
 */
import type { Enterprise, Facility, Tier } from './types'

export interface Size {
  width: number
  height: number
}

export interface Point {
  x: number
  y: number
}

export interface Box extends Point, Size {}

export interface Pipe {
  from: string
  to: string
  path: string
  arrow: Arrow
}

export interface Band {
  tier: Tier
  y: number
  height: number
}

export interface EnterpriseBox extends Box {
  enterprise: Enterprise
}

export interface Layout {
  places: Map<string, Point>
  pipes: Pipe[]
  bands: Band[]
  boxes: EnterpriseBox[]
  /** Scale of symbols and words. */
  by: number
}

/** Room that symbols and words take around the outermost facilities, px at magnification 1. */
const MARGIN = { left: 62, right: 46, top: 56, bottom: 84 }
/** Room around the facilities of one enterprise, px at magnification 1: its title above them, their words below. */
const BOX = { side: 38, top: 52, bottom: 46, gap: 3 }
/** Width of the tiers' names at the left edge, px. */
const EDGE = 18

export function layOut(facilities: Facility[], enterprises: Enterprise[], size: Size): Layout {
  const by = magnification(size)
  const place = placer(facilities, size)
  const places = new Map(facilities.map((each) => [each.id, place(each)]))
  return {
    places,
    pipes: facilities.flatMap((each) => pipesOf(each, places, by)),
    bands: bandsOf(facilities, places, size),
    boxes: boxesOf(facilities, enterprises, places, size),
    by,
  }
}

/** The site's own coordinates, whatever their range, fill the space that words and symbols leave. */
function placer(facilities: Facility[], size: Size): (facility: Facility) => Point {
  const by = magnification(size)
  const across = scale(facilities.map((each) => each.x), MARGIN.left * by, size.width - MARGIN.right * by)
  const down = scale(facilities.map((each) => each.y), MARGIN.top * by, size.height - MARGIN.bottom * by)
  return (facility) => ({ x: Math.round(across(facility.x)), y: Math.round(down(facility.y)) })
}

function scale(values: number[], start: number, end: number): (value: number) => number {
  const low = Math.min(...values)
  const span = Math.max(...values) - low
  return (value) => (span === 0 ? (start + end) / 2 : start + ((value - low) / span) * (end - start))
}

function pipesOf(facility: Facility, places: Map<string, Point>, by: number): Pipe[] {
  return facility.flows_to.flatMap(({ to, via }) => {
    const stops = via === null || via === to ? [facility.id, to] : [facility.id, via, to]
    return stops.slice(1).flatMap((stop, index) => pipe(stops[index] ?? '', stop, places, by))
  })
}

function pipe(from: string, to: string, places: Map<string, Point>, by: number): Pipe[] {
  const start = places.get(from)
  const end = places.get(to)
  if (start === undefined || end === undefined || from === to) return []
  const stops = isBarred(start, end, places) ? detour(start, end, by) : elbow(start, end, by)
  return [{ from, to, path: `M${stops.map((stop) => `${stop.x} ${stop.y}`).join('L')}`, arrow: arrowOf(stops) }]
}

/** Closer than this is in line, px. */
const ALIGNED = 3
/** Below this height difference a pipe runs sideways first, px. */
const DROP_MIN = 50
/** A falling pipe spreads this far above its end, clear of the words below its start, px. */
const SPREAD = 30

/** Straight when aligned; a short way sideways and down; a long fall down, across, and down the rest. */
export function elbow(from: Point, to: Point, by = 1): Point[] {
  const dy = to.y - from.y
  if (Math.abs(to.x - from.x) < ALIGNED || Math.abs(dy) < ALIGNED) return [from, to]
  if (Math.abs(dy) < DROP_MIN * by) return [from, { x: to.x, y: from.y }, to]
  const turn = to.y - Math.sign(dy) * SPREAD * by
  return [from, { x: from.x, y: turn }, { x: to.x, y: turn }, to]
}

/** Depth of a detour below the symbols' middle, clear of their words, px. */
const DETOUR = 78

/** A level pipe would run through a third facility, as if the water passed it. */
function isBarred(from: Point, to: Point, places: Map<string, Point>): boolean {
  if (Math.abs(to.y - from.y) >= ALIGNED) return false
  const [left, right] = from.x < to.x ? [from.x, to.x] : [to.x, from.x]
  return [...places.values()].some((place) => Math.abs(place.y - from.y) < ALIGNED && place.x > left + 1 && place.x < right - 1)
}

function detour(from: Point, to: Point, by: number): Point[] {
  const below = Math.max(from.y, to.y) + DETOUR * by
  return [from, { x: from.x, y: below }, { x: to.x, y: below }, to]
}

export interface Arrow extends Point {
  /** Degrees clockwise; 0 points right. */
  turn: number
}

/** An arrow head in the middle of the longest stretch: ends are hidden under symbols. */
export function arrowOf(stops: Point[]): Arrow {
  const stretches = stops.slice(1).map((end, index) => ({ start: stops[index] ?? end, end }))
  const length = (each: { start: Point; end: Point }): number => Math.abs(each.end.x - each.start.x) + Math.abs(each.end.y - each.start.y)
  const longest = stretches.reduce((best, each) => (length(each) > length(best) ? each : best))
  const { start, end } = longest
  const turn = (Math.atan2(end.y - start.y, end.x - start.x) * 180) / Math.PI
  return { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2, turn }
}

/** How much larger than on a small screen symbols and words are drawn. */
export function magnification(size: Size): number {
  return Math.min(2.2, Math.max(1, Math.min(size.width / 1366, size.height / 656)))
}

const TIERS: Tier[] = ['enterprise', 'park', 'river']

/** Bands are as high as their facilities need; a border lies midway between two tiers. */
function bandsOf(facilities: Facility[], places: Map<string, Point>, size: Size): Band[] {
  const extents = TIERS.flatMap((tier) => {
    const ys = facilities.filter((each) => each.tier === tier).map((each) => places.get(each.id)?.y ?? 0)
    return ys.length === 0 ? [] : [{ tier, low: Math.min(...ys), high: Math.max(...ys) }]
  })
  return extents.map((extent, index) => {
    const above = extents[index - 1]
    const below = extents[index + 1]
    const top = above === undefined ? 0 : (above.high + extent.low) / 2
    const bottom = below === undefined ? size.height : (extent.high + below.low) / 2
    return { tier: extent.tier, y: top, height: Math.max(0, bottom - top) }
  })
}

function boxesOf(
  facilities: Facility[],
  enterprises: Enterprise[],
  places: Map<string, Point>,
  size: Size,
): EnterpriseBox[] {
  return enterprises.flatMap((enterprise) => {
    const own = facilities.filter((each) => each.enterprise === enterprise.id && each.tier === 'enterprise')
    const by = magnification(size)
    const at = own.flatMap((each) => places.get(each.id) ?? [])
    if (at.length === 0) return []
    const xs = at.map((point) => point.x)
    const ys = at.map((point) => point.y)
    const x = Math.max(EDGE + BOX.gap, Math.min(...xs) - BOX.side * by)
    const y = Math.max(2, Math.min(...ys) - BOX.top * by)
    const right = Math.min(size.width - BOX.gap, Math.max(...xs) + BOX.side * by)
    return [{ enterprise, x, y, width: right - x, height: Math.max(...ys) + BOX.bottom * by - y }]
  })
}

/** The name without that of its enterprise, whose box it stands in anyway. */
export function shortName(name: string, enterprise: string | undefined): string {
  const shared = sharedStart(name, enterprise ?? '')
  const rest = name.slice(shared).replace(/^[\s·・:—-]+/, '')
  return shared < SHARED_MIN || rest === '' ? name : rest
}

/** Sites shorten 恒川精细化工 to 恒川 in the names of its facilities: so many characters in common are its name. */
const SHARED_MIN = 2

function sharedStart(a: string, b: string): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1
  return length
}
