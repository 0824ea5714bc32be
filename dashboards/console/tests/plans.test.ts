import { describe, expect, it } from 'vitest'

import { byUrgency } from '../src/data/alarms'
import { enterpriseOf, isNotNeeded, isUnproved, needsHand, planOf, spareSteps } from '../src/data/plans'
import type { AlarmView, PlanSummary, PreviewStep, RunStep } from '../src/data/types'

const name = { zh: '一键关闭', en: 'close' }

function step(id: string, alternative: string | null): PreviewStep {
  return {
    id, alternative, after: [], order: 1, group: 1, actuator: id, action: 'close', tier: 'park', travel_time_s: 60, needs_approval: false, already: false,
    warnings: [], refusals: [], on_failure: 'continue', words: name,
  }
}

function alarm(id: string, state: AlarmView['state'], severity: 1 | 2 | 3, raisedMs: number): AlarmView {
  return {
    id, state, severity, rule: id, facility: 'hc_outlet', enterprise: 'hc', occurrence: 1, words: name, value: null, unit: null, limit: null, side: 'above',
    raised_ms: raisedMs, cleared_ms: null, acknowledged_by: null,
  }
}

describe('plans', () => {
  it('belong to an enterprise or to the park', () => {
    const plans: PlanSummary[] = [{ id: 'p', name, scope: 'park' }, { id: 'h', name, scope: { enterprise: 'hc' } }]
    expect(plans.map(enterpriseOf)).toEqual([null, 'hc'])
    expect(planOf(plans, 'hc')?.id).toBe('h')
    expect(planOf(plans, 'ly')).toBeUndefined()
  })

  it('keep the steps apart that run only when another fails', () => {
    const spares = spareSteps([step('outlet', 'trunk'), step('bund', null), step('trunk', null)])
    expect([...spares.keys()]).toEqual(['trunk'])
    expect(spares.get('trunk')?.id).toBe('outlet')
  })
})

describe('a step of a run', () => {
  const states: RunStep['state'][] = ['waiting', 'waiting_approval', 'running', 'confirmed', 'failed', 'unknown', 'refused', 'preempted', 'skipped']

  function ran(state: RunStep['state'], ...codes: string[]): RunStep {
    const reasons = codes.map((code) => ({ code, zh: '', en: '', values: {} }))
    return { id: 's', actuator: 'hc_outlet', action: 'close', state, command: null, proved_ms: null, evidence: null, reasons, alternative: null }
  }

  it('is told of as unproved when it ended so, or when nobody answers for it', () => {
    expect(states.filter((state) => isUnproved(ran(state), true))).toEqual(['failed', 'unknown', 'refused', 'preempted'])
    expect(states.filter((state) => isUnproved(ran(state), false))).toEqual(['running', 'failed', 'unknown', 'refused', 'preempted'])
  })

  it('is not needed when the one that it stands in for was carried out, and missing otherwise', () => {
    expect(states.filter((state) => isNotNeeded(ran(state), ran('confirmed')))).toEqual(['skipped'])
    expect(states.filter((state) => isNotNeeded(ran('skipped'), ran(state)))).toEqual(['confirmed'])
    expect(isNotNeeded(ran('skipped'), undefined)).toBe(false)
  })

  it('sends nobody to beat an interlock or a tag by hand', () => {
    expect(needsHand(ran('refused', 'blocked-by-interlocking'), true)).toBe(false)
    expect(needsHand(ran('refused', 'blocked-by-interlocking', 'blocked-by-switching-hierarchy'), true)).toBe(true)
    expect(needsHand(ran('refused', 'tagged-out', 'blocked-by-switching-hierarchy'), true)).toBe(false)
    expect(needsHand(ran('refused'), true)).toBe(true)
    expect(needsHand(ran('failed', 'blocked-by-health'), true)).toBe(true)
    expect(needsHand(ran('confirmed'), true)).toBe(false)
  })
})

describe('byUrgency', () => {
  it('puts the unseen first, then the severe, then the new', () => {
    const alarms = [
      alarm('cleared', 'cleared_unack', 1, 9), alarm('seen', 'active_ack', 1, 9), alarm('low', 'active_unack', 3, 9),
      alarm('old', 'active_unack', 1, 1), alarm('new', 'active_unack', 1, 5),
    ]
    expect(alarms.sort(byUrgency).map((each) => each.id)).toEqual(['new', 'old', 'low', 'seen', 'cleared'])
  })
})
