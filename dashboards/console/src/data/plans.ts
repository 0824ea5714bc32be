/** Which plan belongs to whom, however the server writes the scope; and in what order plans are listed. */
import type { PlanSummary, PreviewStep } from './types'

/** The enterprise of the plan, or null when it is the park's. */
export function enterpriseOf(plan: PlanSummary): string | null {
  if (typeof plan.scope === 'object') return plan.scope.enterprise
  return plan.scope === 'park' ? null : plan.scope
}

/** Steps that run only when another fails, with that other step. */
export function spareSteps(steps: PreviewStep[]): Map<string, PreviewStep> {
  return new Map(steps.flatMap((step) => (step.alternative ? [[step.alternative, step] as const] : [])))
}

export function planOf(plans: PlanSummary[], enterprise: string): PlanSummary | undefined {
  return plans.find((plan) => enterpriseOf(plan) === enterprise)
}
