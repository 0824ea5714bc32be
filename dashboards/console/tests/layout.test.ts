import { describe, expect, it } from 'vitest'

import { arrowOf, elbow, layOut, shortName } from '../src/data/layout'
import type { Facility, Tier } from '../src/data/types'

function facility(id: string, x: number, y: number, tier: Tier = 'park', flowsTo: string[] = []): Facility {
  return {
    id, x, y, tier, name: { zh: id, en: id }, kind: 'storm_node', line: null, enterprise: tier === 'enterprise' ? 'hc' : null,
    flows_to: flowsTo.map((to) => ({ to, via: null })), capacity_m3: null, camera: null, actuator: null, points: [],
  }
}

const SIZE = { width: 1366, height: 656 }
const hc = { id: 'hc', name: { zh: '恒川', en: 'Hengchuan' }, risk: 'major' as const }

describe('layOut', () => {
  const park = [facility('a', 0, 0, 'enterprise', ['b']), facility('b', 500, 300, 'park', ['c', 'gone']), facility('c', 1000, 600, 'river')]
  const layout = layOut(park, [hc], SIZE)

  it('keeps every facility, with its words, on the screen', () => {
    for (const { x, y } of layout.places.values()) {
      expect(x).toBeGreaterThan(30)
      expect(x).toBeLessThan(SIZE.width - 30)
      expect(y).toBeGreaterThan(30)
      expect(y).toBeLessThan(SIZE.height - 60)
    }
  })

  it('draws a pipe for each way the water goes, and none to a place it does not know', () => {
    expect(layout.pipes.map((pipe) => `${pipe.from}>${pipe.to}`)).toEqual(['a>b', 'b>c'])
  })

  it('stacks the tiers without a gap from top to bottom', () => {
    expect(layout.bands.map((band) => band.tier)).toEqual(['enterprise', 'park', 'river'])
    const ends = layout.bands.map((band) => band.y + band.height)
    expect(layout.bands[0]?.y).toBe(0)
    expect(ends[0]).toBe(layout.bands[1]?.y)
    expect(ends[2]).toBe(SIZE.height)
  })

  it('frames the enterprises that have facilities', () => {
    expect(layout.boxes.map((box) => box.enterprise.id)).toEqual(['hc'])
  })

  it('stands for a park of one facility, and for none', () => {
    expect(layOut([facility('a', 5, 5)], [], SIZE).places.get('a')?.x).toBeGreaterThan(0)
    expect(layOut([], [hc], SIZE).boxes).toEqual([])
  })
})

describe('elbow and arrow', () => {
  it('is straight when aligned and turns when not', () => {
    expect(elbow({ x: 0, y: 0 }, { x: 0, y: 100 })).toHaveLength(2)
    expect(elbow({ x: 0, y: 0 }, { x: 50, y: 20 })).toHaveLength(3)
    expect(elbow({ x: 0, y: 0 }, { x: 50, y: 200 })).toHaveLength(4)
  })

  it('goes below what stands in a level way, not through it', () => {
    const row = [facility('a', 0, 0, 'river', ['c']), facility('b', 50, 0, 'river'), facility('c', 100, 0, 'river'), facility('d', 0, 90)]
    const path = layOut(row, [], SIZE).pipes[0]?.path ?? ''
    expect(path.split('L')).toHaveLength(4)
  })

  it('points the way the water goes', () => {
    expect(arrowOf([{ x: 0, y: 0 }, { x: 0, y: 10 }]).turn).toBe(90)
    expect(arrowOf([{ x: 10, y: 0 }, { x: 0, y: 0 }]).turn).toBe(180)
  })
})

describe('shortName', () => {
  it('drops the name of the enterprise, and only that', () => {
    expect(shortName('恒川雨水排口', '恒川')).toBe('雨水排口')
    expect(shortName('Hengchuan rain outlet', 'Hengchuan')).toBe('rain outlet')
    expect(shortName('恒川雨水排口', '恒川精细化工')).toBe('雨水排口')
    expect(shortName('东干线节制闸', '东岑仓储物流')).toBe('东干线节制闸')
    expect(shortName('恒川', '恒川')).toBe('恒川')
    expect(shortName('公共应急池', undefined)).toBe('公共应急池')
  })
})
