import type { Clock } from './clock.js'
import type { WechatError } from './errors.js'

/** Upper bounds of the pauses after the first, second, … transient failure in a row, in ms. */
const ramp = [2_000, 4_000, 8_000, 16_000, 32_000]
const permanentPause = 60_000
const quotaPause = 3_600_000

/**
 * How long to leave WeChat alone after a failure. Transient: exponential, each pause drawn from the upper half of its
 * bound (1-2 s, 2-4 s … 16-32 s, then 57-63 s), so that no ten seconds see more than four attempts and no hour more
 * than seventy, and WeChat's recovery is noticed within 65 s. Permanent: a minute. WeChat's quota: an hour, since somebody
 * may give it back before midnight. The hub's own budget: what the error says, at most a minute, since not every
 * refresh needs the part of it that is spent. A credential that this one hangs on and that can't be had: the same, since it
 * may be back sooner, and to look for it costs WeChat nothing.
 */
export class Backoff {
  readonly #clock: Clock
  readonly #random: () => number
  #failures = 0
  #retryAt = 0
  #error: WechatError | undefined

  /** `random` gives numbers from 0 up to, not including, 1. */
  constructor(clock: Clock, random: () => number) {
    this.#clock = clock
    this.#random = random
  }

  /** The last failure, if nothing has succeeded since. */
  get error(): WechatError | undefined {
    return this.#error
  }

  /** Milliseconds until the next try is allowed; 0: now. */
  get retryIn(): number {
    return this.#error === undefined ? 0 : Math.max(0, this.#retryAt - this.#clock.monotonic())
  }

  failed(error: WechatError): void {
    this.#error = error
    this.#retryAt = this.#clock.monotonic() + this.#pauseAfter(error)
    this.#failures += 1
  }

  succeeded(): void {
    this.#error = undefined
    this.#failures = 0
  }

  #pauseAfter(error: WechatError): number {
    if (error.code === 'BUDGET_SPENT' || error.code === 'UNAVAILABLE')
      return Math.min((error.retryAfter ?? 60) * 1000, permanentPause)
    if (error.retryAfter !== undefined) return error.retryAfter * 1000
    if (error.errcode === 45011) return permanentPause
    if (error.kind === 'quota') return quotaPause
    if (error.kind !== 'transient') return permanentPause
    const bound = ramp[this.#failures]
    return bound === undefined ? 57_000 + 6_000 * this.#random() : bound / 2 + (bound / 2) * this.#random()
  }
}
