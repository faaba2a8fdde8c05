import type { Clock } from '../wechat/clock.js'

const minute = 60_000

/** Lets so much through in a minute for each name, and counts what it holds back: a stranger must not fill the log. */
export class Sparingly {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #most: number
  readonly #minutes = new Map<string, { began: number; passed: number; heldBack: number }>()

  /** `most`: in a minute. The names must be few. */
  constructor(clock: Pick<Clock, 'monotonic'>, most: number) {
    this.#clock = clock
    this.#most = most
  }

  /** How many of this name were held back since the last one that passed; `undefined`: so is this one. */
  pass(name: string): number | undefined {
    const now = this.#clock.monotonic()
    const found = this.#minutes.get(name)
    if (found === undefined || now - found.began >= minute) {
      this.#minutes.set(name, { began: now, passed: 1, heldBack: 0 })
      return found?.heldBack ?? 0
    }
    if (found.passed < this.#most) {
      found.passed += 1
      return 0
    }
    found.heldBack += 1
    return undefined
  }
}
