/** When WeChat issued a value, by its own clock: not before `from`, not after `to`, in ms since the epoch. */
export interface Issued {
  readonly from: number
  readonly to: number
}

/** When a call was made, by this machine's clocks. */
export interface Called {
  /** In ms since the epoch: before it was asked, and after it was answered. */
  readonly began: number
  readonly ended: number
  /** In ms, from the one to the other by a clock that nobody sets. */
  readonly elapsed: number
}

/** An HTTP date is rounded down to whole seconds [RFC 9110, 5.6.7]. */
const dateStep = 1_000
/** By so much the clocks of two of WeChat's servers may differ, in ms. */
const skew = 1_000
/** A date that is further than this outside of the call, in ms, is somebody's whose clock is wrong: a proxy's, or this machine's. */
const tolerance = 2_000

/** @param date The `Date` of WeChat's answer. Nothing: it tells none that could be right. */
export function issuedAt(date: string | undefined, { began, ended, elapsed }: Called): Issued | undefined {
  const answered = Date.parse(date ?? '')
  const isPlausible = answered + dateStep + tolerance >= began && answered - tolerance <= ended
  if (!isPlausible) return undefined
  // The clock that nobody sets may have stood still while the machine slept.
  return { from: Math.floor(answered - Math.max(elapsed, ended - began)), to: answered + dateStep }
}

/** Whether WeChat certainly issued the one after the other. */
export function isIssuedAfter(later: Issued | undefined, earlier: Issued | undefined): boolean {
  return later !== undefined && earlier !== undefined && later.from >= earlier.to + skew
}
