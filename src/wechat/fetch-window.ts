import type { Deadline } from './api.js'
import type { Clock } from './clock.js'
import { leaseOver, tooLateToAsk } from './credential-errors.js'
import type { Lease } from './storage.js'

/** What must be left of the lock's lease when the fetch's time-out ends, in ms. */
const leaseReserve = 500

/** The time in which a fetch may ask WeChat: its time-out, and the lease of the lock under which it is made. */
export class FetchWindow implements Deadline {
  readonly #clock: Clock
  readonly #timeout: number
  readonly #lease: Lease
  #opened: number | undefined
  #mayHaveLeft = false
  #leftInTime = false

  /** It opens when its time is asked for first. `timeout`: in ms. */
  constructor(clock: Clock, timeout: number, lease: Lease) {
    this.#clock = clock
    this.#timeout = timeout
    this.#lease = lease
  }

  /** @throws {WechatError} when the lease, or the time-out, is over. */
  left(): number {
    const lease = this.#lease.remaining() - leaseReserve
    if (lease <= 0) throw leaseOver()
    const now = this.#clock.monotonic()
    this.#opened ??= now
    const left = this.#timeout - (now - this.#opened)
    if (left <= 0) throw tooLateToAsk()
    return Math.min(left, lease)
  }

  leaving(): void {
    this.left()
    this.#mayHaveLeft = true
    this.#leftInTime = false
  }

  departed(): void {
    this.#leftInTime = this.#lease.remaining() > 0
  }

  /**
   * Whether the request may have left only when another process was free to ask, and without an answer nobody knows whose value
   * lives.
   */
  get mayBeLate(): boolean {
    return this.#mayHaveLeft && !this.#leftInTime && this.#lease.remaining() <= 0
  }
}
