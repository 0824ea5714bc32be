import { describe, expect, it } from 'vitest'

import { en } from '../src/words/en'
import { namedValues } from '../src/words/format'
import { kindWords } from '../src/words/kinds'
import { zh } from '../src/words/zh'

describe('words', () => {
  it('exist in both languages, with nothing empty', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort())
    for (const text of [...Object.values(zh), ...Object.values(en)]) expect(text.trim()).not.toBe('')
  })
})

describe('namedValues', () => {
  it('reads named figures', () => {
    expect(namedValues({ level_m: 3.456, mode: '就地' })).toEqual([
      { name: 'level_m', text: '3.46' },
      { name: 'mode', text: '就地' },
    ])
  })

  it('reads a list of point values, with their unit, quality and age', () => {
    const rows = namedValues([{ point: 'hc_analyser/cod', value: 480, unit: 'mg/L', quality: 'uncertain', age_s: 61 }])
    expect(rows[0]?.name).toBe('hc_analyser/cod')
    expect(rows[0]?.text).toContain('480 mg/L')
    expect(rows[0]?.text).toContain('存疑')
  })

  it('says in words what a reason was decided on', () => {
    const texts = namedValues({ a: 'False (good, 1.2 s)', b: '52819.4 uS_cm (bad/range, 61.0 s)', c: 'None (uncertain/link stale, —)', by: 'wang' })
    expect(texts.map((row) => row.text)).toEqual(['否 · 数龄 1 秒', '52819 µS/cm · 坏 (超量程) · 数龄 1 分 01 秒', '— · 数据过期 (通讯中断)', 'wang'])
  })

  it('reads nothing as nothing, and the values inside a proof', () => {
    expect(namedValues(null)).toEqual([])
    expect(namedValues({ values: [{ point: 'a/closed', value: true }] })).toEqual([{ name: 'a/closed', text: '1' }])
  })
})

describe('kindWords', () => {
  it('names the area and what happened', () => {
    expect(kindWords('edge.command').zh).toBe('边缘·命令')
    expect(kindWords('plan.step.confirmed').zh).toBe('方案步骤·到位')
    expect(kindWords('plan.step.preempted').zh).toBe('方案步骤·被抢占')
    expect(kindWords('command.refused')).toEqual({ zh: '命令·已拒绝', en: 'Command · refused' })
    expect(kindWords('plan.step').zh).toBe('方案步骤')
    expect(kindWords('commissioning.seen').zh).toBe('联调·项目已见')
    expect(kindWords('reopening.stage.observing').zh).toBe('恢复步骤·观察水质')
  })

  it('leaves a kind that is new to this version as it is', () => {
    expect(kindWords('weather.hail')).toEqual({ zh: 'weather.hail', en: 'weather.hail' })
    expect(kindWords('hail').zh).toBe('hail')
  })
})
