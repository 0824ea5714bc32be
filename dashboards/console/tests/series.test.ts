import { describe, expect, it } from 'vitest'

import { seriesOf } from '../src/data/series'
import type { HistoryBucket, Quality } from '../src/data/types'

function bucket(t: number, quality: Quality = 'good'): HistoryBucket {
  return { t, min: 1, max: 3, mean: 2, last: 2, count: 4, quality }
}

describe('seriesOf', () => {
  it('leaves a gap where there was nothing', () => {
    const series = seriesOf([bucket(0), bucket(10), bucket(20), bucket(100), bucket(110)])
    expect(series.mean).toEqual([[0, 2], [10, 2], [20, 2], [30, null], [100, 2], [110, 2]])
    expect(series.band[0]).toEqual([0, 2])
  })

  it('joins neighbouring doubtful buckets into one span', () => {
    const series = seriesOf([bucket(0), bucket(10, 'bad'), bucket(20, 'uncertain'), bucket(30), bucket(40, 'bad')])
    expect(series.doubtful).toEqual([[10, 30], [40, 50]])
  })

  it('draws nothing of nothing', () => {
    expect(seriesOf([])).toEqual({ mean: [], low: [], band: [], doubtful: [] })
  })
})
