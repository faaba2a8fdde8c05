import type { Clock } from '../wechat/clock.js'
import type { Claims } from './claims.js'

/** After a failure of the store, in ms. */
const storePause = 5_000

/** No more pushes than these are remembered. */
const most = 10_000

/**
 * Pushes that are over, and of which the store was not told: it is as soon as it works again, or other processes would wait for
 * this one for as long as it lives.
 */
export class Unsettled {
  readonly #claims: Claims
  readonly #clock: Clock
  /** What a retry is given, by the identities of the pushes. */
  readonly #replies = new Map<string, string>()
  #callOff: (() => void) | undefined
  #closed = false

  constructor(claims: Claims, clock: Clock) {
    this.#claims = claims
    this.#clock = clock
  }

  add(id: string, reply: string): void {
    if (this.#closed || this.#replies.size >= most) return
    this.#replies.set(id, reply)
    this.#callOff ??= this.#clock.after(storePause, () => void this.#settleAll(), { background: true })
  }

  close(): void {
    this.#closed = true
    this.#callOff?.()
  }

  async #settleAll(): Promise<void> {
    for (const [id, reply] of this.#replies) {
      if (this.#closed || !(await this.#settle(id, reply))) break
      this.#replies.delete(id)
    }
    this.#callOff = undefined
    for (const [id, reply] of [...this.#replies].slice(0, 1)) this.add(id, reply)
  }

  async #settle(id: string, reply: string): Promise<boolean> {
    try {
      const settled = await this.#claims.settle(id, { reply }, [], true)
      // It has been given or sent: nothing has to wait for a retry.
      if (typeof settled === 'object' && settled.kept !== undefined) await this.#claims.take(id)
      return true
    } catch {
      // Whoever found the store failing has said so.
      return false
    }
  }
}
