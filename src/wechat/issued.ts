/** When WeChat issued a value, by its own clock: not before `from`, not after `to`, in ms since the epoch. */
export interface Issued {
  readonly from: number
  readonly to: number
}

/** An HTTP date is rounded down to whole seconds [RFC 9110, 5.6.7]. */
const dateStep = 1_000
/** By so much the clocks of two of WeChat's servers may differ, in ms. */
const skew = 1_000

/**
 * @param date The `Date` of WeChat's answer.
 * @param elapsed In ms: from before the request until after the answer.
 */
export function issuedAt(date: string | undefined, elapsed: number): Issued | undefined {
  const answered = Date.parse(date ?? '')
  return Number.isNaN(answered) ? undefined : { from: answered - elapsed, to: answered + dateStep }
}

/** Whether WeChat certainly issued the one after the other. */
export function isIssuedAfter(later: Issued | undefined, earlier: Issued | undefined): boolean {
  return later !== undefined && earlier !== undefined && later.from >= earlier.to + skew
}
