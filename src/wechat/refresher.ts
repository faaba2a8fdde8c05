import { Backoff } from './backoff.js'
import { pause } from './clock.js'
import { asWechatError, closed } from './credential-errors.js'
import type { RefreshCause } from './credential-event.js'
import type { CredentialOptions } from './credential-options.js'
import type { CurrentValue } from './current-value.js'
import type { WechatError } from './errors.js'
import { type Held, secondsLeft } from './held.js'
import type { Replacer } from './replacer.js'
import { SingleFlight } from './single-flight.js'

/** How long nobody fetches after the storage was away, in ms, and how much longer at most: another process may be about to save. */
const settling = 1_000
const settlingSpread = 300

export interface RefresherOptions extends Pick<CredentialOptions, 'clock' | 'random' | 'observe'> {
  readonly value: CurrentValue
  readonly replacer: Replacer
  /** Called when a refresh fails, while it is still `running`: a change of the store that came during it was left to it. */
  readonly failed: () => void
  /** Called when a refresh ends, while it is still `running`. */
  readonly ended: () => void
}

/** Refreshes the value once however many ask (P1), and leaves WeChat alone for a while after a failure. */
export class Refresher {
  readonly #options: RefresherOptions
  readonly #value: CurrentValue
  readonly #backoff: Backoff
  readonly #refreshing = new SingleFlight<Held>()
  readonly #settling = new SingleFlight<Held>()
  /** By the monotonic clock: the storage is back, and by then every process has put back what it alone knew. */
  #settledAt = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(options: RefresherOptions) {
    this.#options = options
    this.#value = options.value
    this.#backoff = new Backoff(options.clock, options.random)
  }

  get running(): boolean {
    return this.#refreshing.running
  }

  /** The last failure, if nothing has succeeded since. */
  get failure(): WechatError | undefined {
    return this.#backoff.error
  }

  /** Milliseconds until the next try is allowed; 0: now. */
  get retryIn(): number {
    return this.#backoff.retryIn
  }

  /** Whether there is no refresh any more. */
  get stopped(): boolean {
    return this.#stopped
  }

  /**
   * Joins a refresh that is under way.
   *
   * @throws {WechatError} when it fails; the old value stays. Soon after a failure it is that failure, without a try.
   */
  refresh(cause: RefreshCause = this.#cause()): Promise<Held> {
    if (this.#stopped) return Promise.reject(closed())
    const { error, retryIn } = this.#backoff
    if (error !== undefined && retryIn > 0) return Promise.reject(error)
    const settlesIn = this.#settledAt - this.#options.clock.monotonic()
    if (settlesIn > 0 && cause !== 'manual') return this.#settling.run(() => this.#refreshIn(settlesIn))
    return this.#refreshing.run(() => this.#attempt(cause))
  }

  /** As `refresh`, or the old value if that must do. */
  async refreshOrKeep(): Promise<Held> {
    try {
      return await this.refresh()
    } catch (error) {
      const { living } = this.#value
      if (living === undefined) throw error
      return living
    }
  }

  refreshInBackground(): void {
    // A failure is kept by #backoff, told as an event, and made up for by the timer.
    this.refresh().catch(() => undefined)
  }

  /** The value is as after a refresh, by other means. */
  madeUpFor(): void {
    this.#backoff.succeeded()
  }

  /** The storage is back. */
  storeIsBack(): void {
    this.#settledAt = this.#options.clock.monotonic() + settling + settlingSpread * this.#options.random()
    if (this.#backoff.error?.code === 'STORE_AWAY') this.#backoff.succeeded()
  }

  stop(): void {
    this.#stopped = true
  }

  /** Resolves when no refresh is under way. One that waits for the storage to settle is not waited for. */
  idle(): Promise<void> {
    return this.#refreshing.idle()
  }

  /** Why a refresh that nobody demanded is started. */
  #cause(): RefreshCause {
    const { contested, held } = this.#value
    if (contested !== undefined) return 'fenced'
    if (held === undefined) return 'cold'
    if (held.rejected) return 'rejected'
    return this.#value.isServable ? 'ahead' : 'expired'
  }

  /** What another process has put back by then needs no refresh. */
  async #refreshIn(ms: number): Promise<Held> {
    await pause(this.#options.clock, ms)
    const settled = this.#value.isSettled ? this.#value.asServable('memory') : undefined
    return settled ?? this.refresh()
  }

  async #attempt(cause: RefreshCause): Promise<Held> {
    const { clock, replacer, failed, ended, observe } = this.#options
    try {
      const held = await replacer.replace(cause)
      this.#backoff.succeeded()
      observe({ type: 'refreshed', cause, from: held.from, expiresIn: secondsLeft(held, clock) })
      return held
    } catch (thrown) {
      const error = asWechatError(thrown)
      this.#backoff.failed(error)
      failed()
      const retryAfter = Math.ceil(this.#backoff.retryIn / 1000)
      observe({ type: 'refresh-failed', cause, error, retryAfter, servingOld: this.#value.living !== undefined })
      throw error
    } finally {
      ended()
    }
  }
}
