import { describe, expect, it } from 'vitest'
import { isIssuedAfter, issuedAt } from '../../src/wechat/issued.js'

const date = 'Sat, 21 Nov 2026 08:00:10 GMT'
const answered = Date.parse(date)

describe('when a value was issued', () => {
  it('is between the request and the end of the second that the answer tells', () => {
    expect(issuedAt(date, 250)).toEqual({ from: answered - 250, to: answered + 1000 })
  })

  it.each([undefined, '', 'soon'])('is not known from the date %j', (wrong) => {
    expect(issuedAt(wrong, 250)).toBeUndefined()
  })

  it.each([
    ['so much later that no clock of WeChat is wrong enough', 3000, 1000, true],
    ['just later enough', 2000, 0, true],
    ['within the second by which two servers may differ', 2000, 1, false],
    ['asked for before the other one was answered', 60_000, 59_000, false],
    ['sooner', -5000, 0, false],
  ])('is after another one when it is %s', (_how, gap, elapsed, after) => {
    const earlier = issuedAt(date, 100)
    const later = issuedAt(new Date(answered + gap).toUTCString(), elapsed)
    expect(isIssuedAfter(later, earlier)).toBe(after)
    expect(isIssuedAfter(undefined, earlier)).toBe(false)
    expect(isIssuedAfter(later, undefined)).toBe(false)
  })
})
