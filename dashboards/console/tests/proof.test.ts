import { describe, expect, it } from 'vitest'

import { ask, question } from '../src/data/proof'

describe('what the server wants to be proved', () => {
  it('is asked once, and answered with what the person gave', async () => {
    const given = ask('pin')
    expect(question.value?.wanted).toBe('pin')
    question.value?.answer('482915')
    expect(await given).toBe('482915')
    expect(question.value).toBeNull()
  })

  it('is given up when something else is wanted meanwhile', async () => {
    const first = ask('proof')
    const second = ask('unlock', 'pin_wrong')
    expect(await first).toBeNull()
    expect(question.value).toMatchObject({ wanted: 'unlock', fault: 'pin_wrong' })
    question.value?.answer(null)
    expect(await second).toBeNull()
  })
})
