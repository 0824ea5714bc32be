import { describe, expect, it } from 'vitest'

import { conditionText, reasonValues } from '../src/data/naming'

describe('conditionText', () => {
  it('reads a condition aloud, and leaves what it does not know', () => {
    expect(conditionText('a.cod <= 100 * mg_L and a.ph >= 6 * pH and not a.calibrating or b != 0')).toBe('a/cod ≤ 100 mg/L 且 a/ph ≥ 6 且 非 a/calibrating 或 b ≠ 0')
    expect(conditionText('held(a.level >= 4.95 * m, 30 * s)')).toBe('持续(a/level ≥ 4.95 m, 30 s)')
  })
})

describe('reasonValues', () => {
  it('name whose tag or order it is, and keep what a driver said for the audit', () => {
    expect(reasonValues({ code: 'tagged-out', zh: '', en: '', values: { by: 'li' } })).toEqual([{ name: '挂牌人', text: 'li' }])
    expect(reasonValues({ code: 'keep-closed-order', zh: '', en: '', values: { by: 'system' } })).toEqual([{ name: '发令人', text: '系统' }])
    expect(reasonValues({ code: 'link-lost', zh: '', en: '', values: { plc: '[Errno 111] Connection refused' } })).toEqual([])
  })
})
