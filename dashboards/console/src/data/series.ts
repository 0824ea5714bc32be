/** Turns buckets of history into what a chart draws: a line, a band, gaps where there was nothing, spans of doubt. */
import type { HistoryBucket } from './types'

export interface Series {
  mean: [number, number | null][]
  low: [number, number | null][]
  /** Height of the band above `low`. */
  band: [number, number | null][]
  doubtful: [number, number][]
}

/** A hole longer than this many buckets is drawn as a gap, never bridged by a line. */
const GAP_BUCKETS = 2.5

export function seriesOf(buckets: HistoryBucket[]): Series {
  const step = stepOf(buckets)
  const series: Series = { mean: [], low: [], band: [], doubtful: [] }
  buckets.forEach((bucket, index) => {
    const before = buckets[index - 1]
    if (before !== undefined && bucket.t - before.t > step * GAP_BUCKETS) addGap(series, before.t + step)
    series.mean.push([bucket.t, bucket.mean])
    series.low.push([bucket.t, bucket.min])
    series.band.push([bucket.t, bucket.min === null || bucket.max === null ? null : bucket.max - bucket.min])
    if (bucket.quality !== 'good') addDoubt(series.doubtful, bucket.t, step)
  })
  return series
}

function stepOf(buckets: HistoryBucket[]): number {
  const steps = buckets.slice(1).map((bucket, index) => bucket.t - (buckets[index]?.t ?? bucket.t)).sort((a, b) => a - b)
  return steps[Math.floor(steps.length / 2)] ?? 0
}

function addGap(series: Series, at: number): void {
  for (const line of [series.mean, series.low, series.band]) line.push([at, null])
}

function addDoubt(spans: [number, number][], at: number, step: number): void {
  const last = spans.at(-1)
  if (last !== undefined && at - last[1] <= step / 2) last[1] = at + step
  else spans.push([at, at + step])
}
