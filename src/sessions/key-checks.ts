import type { Clock } from '../wechat/clock.js'

/** An answer of WeChat counts so long, in ms. */
const gap = 60_000

/** Logins whose check is remembered: some MB. Beyond it the oldest is forgotten. */
const mostChecks = 10_000

interface Check {
  readonly began: number
  readonly living: Promise<boolean>
}

/** Asks WeChat whether a session_key is still the user's: at most once in 60 s for each. */
export class KeyChecks {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** In the order in which they began. */
  readonly #checks = new Map<string, Check>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** `name`: a hash of the session_key and its user. `ask` is called only if the last answer is too old. Where WeChat can't be asked the key passes for living. */
  isLiving(name: string, ask: () => Promise<boolean>): Promise<boolean> {
    const began = this.#clock.monotonic()
    const last = this.#checks.get(name)
    if (last !== undefined && began - last.began < gap) return last.living
    this.#checks.delete(name)
    const [oldest] = this.#checks.size < mostChecks ? [] : this.#checks.keys()
    if (oldest !== undefined) this.#checks.delete(oldest)
    const living = ask().catch(() => true)
    this.#checks.set(name, { began, living })
    return living
  }
}
