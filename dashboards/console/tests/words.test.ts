import { describe, expect, it } from 'vitest'

import { en } from '../src/words/en'
import { namedValues } from '../src/words/format'
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

  it('reads nothing as nothing, and the values inside a proof', () => {
    expect(namedValues(null)).toEqual([])
    expect(namedValues({ values: [{ point: 'a/closed', value: true }] })).toEqual([{ name: 'a/closed', text: '1' }])
  })
})
