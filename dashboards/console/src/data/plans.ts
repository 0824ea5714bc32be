/** Which plan belongs to whom, however the server writes the scope; and in what order plans are listed. */
import type { PlanSummary, Reason, RunStep } from './types'

/** The enterprise of the plan, or null when it is the park's. */
export function enterpriseOf(plan: PlanSummary): string | null {
  if (typeof plan.scope === 'object') return plan.scope.enterprise
  return plan.scope === 'park' ? null : plan.scope
}

/** Steps that run only when another fails, with that other step. */
export function spareSteps<Kind extends { alternative: string | null }>(steps: Kind[]): Map<string, Kind> {
  return new Map(steps.flatMap((step) => (step.alternative ? [[step.alternative, step] as const] : [])))
}

export function planOf(plans: PlanSummary[], enterprise: string): PlanSummary | undefined {
  return plans.find((plan) => enterpriseOf(plan) === enterprise)
}

const UNPROVED = new Set<RunStep['state']>(['failed', 'unknown', 'refused', 'preempted'])

/** Whether the step was left out because the one that it stands in for was carried out: nothing is missing. */
export function isNotNeeded(step: RunStep, insteadOf: RunStep | undefined): boolean {
  return step.state === 'skipped' && insteadOf?.state === 'confirmed'
}

/** Whether the plan is not, or may never be, carried out here; `isTrusted`: its position is known at this moment. */
export function isUnproved(step: RunStep, isTrusted: boolean): boolean {
  return UNPROVED.has(step.state) || isOutOfReach(step, isTrusted)
}

/** Nobody answers for it: whoever can walk there should not wait for the command's end. */
export function isOutOfReach(step: RunStep, isTrusted: boolean): boolean {
  return step.state === 'running' && !isTrusted
}

/** Whether somebody is to go there with the hand card. */
export function needsHand(step: RunStep, isTrusted: boolean): boolean {
  return isUnproved(step, isTrusted) && (step.state !== 'refused' || isForHand(step.reasons))
}

/** An interlock is not to be beaten by hand, and where a tag hangs people may be in the way: whoever hung it is called first. */
export function isForHand(refusals: Reason[]): boolean {
  const codes = refusals.map((reason) => reason.code)
  const isHeld = codes.length > 0 && codes.every((code) => code === 'blocked-by-interlocking')
  return !isHeld && !codes.includes('tagged-out')
}
