import type { Clock } from '../wechat/clock.js'

/** An answer of WeChat counts so long, in ms. */
const gap = 60_000

/** Sessions whose check is remembered: some MB. Beyond it the oldest is forgotten. */
const mostChecks = 10_000

interface Check {
  readonly began: number
  readonly living: Promise<boolean>
}

/** Asks WeChat whether the session_key of a session is still the user's: at most once in 60 s for each session. */
export class KeyChecks {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** In the order in which they began. */
  readonly #checks = new Map<string, Check>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** `ask` is called only if the last answer is too old. Where WeChat can't be asked the key passes for living. */
  isLiving(hash: string, ask: () => Promise<boolean>): Promise<boolean> {
    const began = this.#clock.monotonic()
    const last = this.#checks.get(hash)
    if (last !== undefined && began - last.began < gap) return last.living
    this.#checks.delete(hash)
    const [oldest] = this.#checks.size < mostChecks ? [] : this.#checks.keys()
    if (oldest !== undefined) this.#checks.delete(oldest)
    const living = ask().catch(() => true)
    this.#checks.set(hash, { began, living })
    return living
  }
}
