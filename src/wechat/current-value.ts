import type { CredentialOptions } from './credential-options.js'
import { asHeld, type Current, currentFromStore, type Held, leftOf, type Source } from './held.js'
import type { Issued } from './issued.js'
import type { Stored } from './record.js'
import { sameSecret } from './same-secret.js'

/** Both clocks are looked at this often at least, in ms: the process may have been paused, the wall clock set. */
export const longestSleep = 60_000
/** How soon WeChat is asked again after it gave the same value, in ms: `stable_token` does so until it rolls it. */
const sameValueGap = 30_000
/** [ATUSE] So long WeChat takes the old value beside the new one, in ms. */
const changeOver = 300_000

export type CurrentValueOptions = Pick<CredentialOptions, 'clock' | 'expiryMargin' | 'refreshAhead' | 'learn'>

/** The value in memory, and how long it can be given out. */
export class CurrentValue {
  /**
   * When what the last fetch gave was issued, if another process fetched meanwhile. Only what WeChat issued last lives. If that
   * can't be told from the times of issue, nothing decides it but one more fetch.
   */
  contested: { readonly issued?: Issued | undefined } | undefined
  readonly #options: CurrentValueOptions
  #held: Current | undefined
  /** The value before the present one; `until`, by the monotonic clock, WeChat takes it too. */
  #previous: { readonly value: string; readonly until: number } | undefined
  /** Until then, by the wall clock, `#fresh` is given out without a further look. */
  #freshUntil = Number.NEGATIVE_INFINITY
  #fresh: Promise<Held> | undefined
  #freshValue: Promise<string> | undefined
  /** By the monotonic clock: no refresh ahead before. */
  #askAgainAt = 0

  constructor(options: CurrentValueOptions) {
    this.#options = options
  }

  /** Whatever there is, be it dead. */
  get held(): Current | undefined {
    return this.#held
  }

  /** As `asServable('memory')` would answer it, without a further look; nothing if one is needed. */
  get fresh(): Promise<Held> | undefined {
    return this.#options.clock.now() < this.#freshUntil ? this.#fresh : undefined
  }

  /** The value of `fresh` alone. */
  get freshValue(): Promise<string> | undefined {
    return this.#options.clock.now() < this.#freshUntil ? this.#freshValue : undefined
  }

  /** The value, if it can be given out. */
  asServable(from: Source): Held | undefined {
    const held = this.#held
    return held !== undefined && this.#canBeGiven(held) ? asHeld(held, from) : undefined
  }

  /** The value if it lives, be it too short to be given out while a refresh can be had. */
  get living(): Held | undefined {
    const held = this.#held
    if (held === undefined || held.rejected || leftOf(held, this.#options.clock) <= 0) return undefined
    return asHeld(held, 'memory')
  }

  /** Whether WeChat takes this value, as far as is known here: the present one, or the one before during the change-over. */
  isLiving(value: string): boolean {
    const { living } = this
    if (living !== undefined && sameSecret(value, living.value)) return true
    const previous = this.#previous
    return (
      previous !== undefined && this.#options.clock.monotonic() < previous.until && sameSecret(value, previous.value)
    )
  }

  /** Whether there is a value that can be given out. */
  get isServable(): boolean {
    return this.#held !== undefined && this.#canBeGiven(this.#held)
  }

  /** Whether there is a value, and it needs no refresh. */
  get isSettled(): boolean {
    return this.#held !== undefined && !this.#isDue(this.#held)
  }

  /** Milliseconds until a refresh is due; 0: it is due now. Nothing: there is no value. */
  get dueIn(): number | undefined {
    const held = this.#held
    if (held === undefined) return undefined
    return this.#isDue(held) ? 0 : this.#aheadIn(held)
  }

  /** Whether what is stored should take the place of the value. */
  isWorseThan(stored: Stored): boolean {
    const known = this.#held
    if (!this.#canBeGiven(currentFromStore(stored, this.#options.clock))) return false
    if (known === undefined) return true
    if (known.rejected && stored.value === known.value) return false
    // Another program's versions may be small numbers: its value is the newer one if it dies later.
    return stored.version > known.version || stored.expiresAt > known.expiresAt + 1000
  }

  adopt(current: Current): Current {
    this.#options.learn(current.value)
    const before = this.#held
    if (before !== undefined && before.value !== current.value) {
      const until = Math.min(before.endsAt, this.#options.clock.monotonic() + changeOver)
      this.#previous = before.rejected ? undefined : { value: before.value, until }
    }
    this.#held = current
    this.freshen()
    return current
  }

  adoptStored(stored: Stored): Current {
    return this.adopt(currentFromStore(stored, this.#options.clock))
  }

  /** As `adopt`, of what WeChat has just given. It is `contested` if another process fetched meanwhile. */
  adoptFetched(current: Current, { contested }: { readonly contested: boolean }): Current {
    this.contested = contested ? current : undefined
    this.#askAgainAt = current.value === this.#held?.value ? this.#options.clock.monotonic() + sameValueGap : 0
    return this.adopt(current)
  }

  /** Works out how long the value can be given out without a further look. */
  freshen(): void {
    const held = this.#held
    if (held === undefined || this.#isDue(held)) {
      this.#freshUntil = Number.NEGATIVE_INFINITY
      return
    }
    const given = asHeld(held, 'memory')
    this.#fresh = Promise.resolve(given)
    this.#freshValue = Promise.resolve(given.value)
    this.#freshUntil = this.#options.clock.now() + Math.min(this.#aheadIn(held), longestSleep)
  }

  #canBeGiven(current: Current): boolean {
    return !current.rejected && leftOf(current, this.#options.clock) > this.#options.expiryMargin
  }

  #isDue(current: Current): boolean {
    return !this.#canBeGiven(current) || this.#aheadIn(current) <= 0
  }

  /** Milliseconds until the value is refreshed ahead of its end: never in the first half of a short life. */
  #aheadIn(current: Current): number {
    const { refreshAhead, expiryMargin, clock } = this.#options
    if (this.contested !== undefined) return 0
    const ahead = Math.min(refreshAhead, (current.lifetime ?? Number.POSITIVE_INFINITY) / 2)
    const left = leftOf(current, clock)
    const afterGap = this.#askAgainAt - clock.monotonic()
    return Math.min(left - expiryMargin, Math.max(left - ahead, afterGap))
  }
}
