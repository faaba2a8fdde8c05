import { describe, expect, it } from 'vitest'
import { isIssuedAfter, issuedAt } from '../../src/wechat/issued.js'

const date = 'Sat, 21 Nov 2026 08:00:10 GMT'
const answered = Date.parse(date)

/** A call that took so long and ended so long after the date of its answer, in ms. */
const called = (elapsed: number, after = 0) => ({
  began: answered + after - elapsed,
  ended: answered + after,
  elapsed,
})

describe('when a value was issued', () => {
  it('is between the request and the end of the second that the answer tells, in whole ms', () => {
    expect(issuedAt(date, called(250))).toEqual({ from: answered - 250, to: answered + 1000 })
    expect(issuedAt(date, { ...called(250), elapsed: 249.6 })).toEqual({ from: answered - 250, to: answered + 1000 })
    expect(issuedAt(date, { ...called(0), elapsed: 0.04 })?.from).toBe(answered - 1)
  })

  it('is counted from the request by the clock that ran on while the machine slept', () => {
    expect(issuedAt(date, { ...called(60_000), elapsed: 20 })?.from).toBe(answered - 60_000)
  })

  it.each([undefined, '', 'soon'])('is not known from the date %j', (wrong) => {
    expect(issuedAt(wrong, called(250))).toBeUndefined()
  })

  it.each([
    ['2 s after the call', -2000, true],
    ['later', -2001, false],
    ['a rounded 2 s before the call', 3250, true],
    ['sooner', 3251, false],
    ['in the middle of a call of a minute', 30_000, true],
  ])('is known or not from a date %s: somebody’s clock is wrong', (_where, after, known) => {
    expect(issuedAt(date, called(after === 30_000 ? 60_000 : 250, after)) !== undefined).toBe(known)
  })

  it.each([
    ['so much later that no clock of WeChat is wrong enough', 3000, 1000, true],
    ['just later enough', 2000, 0, true],
    ['within the second by which two servers may differ', 2000, 1, false],
    ['asked for before the other one was answered', 60_000, 59_000, false],
    ['sooner', -5000, 0, false],
  ])('is after another one when it is %s', (_how, gap, elapsed, after) => {
    const earlier = issuedAt(date, called(100))
    const ended = answered + gap
    const later = issuedAt(new Date(ended).toUTCString(), { began: ended - elapsed, ended, elapsed })
    expect([earlier, later]).not.toContain(undefined)
    expect(isIssuedAfter(later, earlier)).toBe(after)
    expect(isIssuedAfter(undefined, earlier)).toBe(false)
    expect(isIssuedAfter(later, undefined)).toBe(false)
  })
})
