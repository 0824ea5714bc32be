/** Asks the person for a PIN or a proof when the server wants one, and says what they gave; decides nothing itself. */
import { shallowRef } from 'vue'

export type Wanted = 'pin' | 'unlock' | 'proof'

export interface Question {
  wanted: Wanted
  /** What was wrong with what was given before; empty: nothing was given yet. */
  fault: '' | 'pin_wrong' | 'pin_void'
  answer: (given: string | null) => void
}

export const question = shallowRef<Question | null>(null)

/** The PIN, or 'proved' once the server has taken a proof; null when the person gave up. */
export function ask(wanted: Wanted, fault: Question['fault'] = ''): Promise<string | null> {
  question.value?.answer(null)
  return new Promise((resolve) => {
    question.value = {
      wanted,
      fault,
      answer(given) {
        question.value = null
        resolve(given)
      },
    }
  })
}
