import type { Clock } from '../wechat/clock.js'

/** One that is not there is looked for once more so much later, in ms: what makes it can have been on its way. */
const secondLook = 10_000

/** Leases that the store was told to make and did not answer for: each has been made, or not, or is still to be. */
export class UnsureLeases {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** By their keys. `from`: when to look for it, in ms of the monotonic clock. */
  readonly #all = new Map<string, { readonly value: string; readonly from: number; readonly last: boolean }>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  add(key: string, value: string): void {
    this.#all.set(key, { value, from: this.#clock.monotonic(), last: false })
  }

  delete(key: string): void {
    this.#all.delete(key)
  }

  /** It was looked for, and is not there. */
  missed(key: string): void {
    const missed = this.#all.get(key)
    if (missed === undefined || missed.last) this.#all.delete(key)
    else this.#all.set(key, { ...missed, from: this.#clock.monotonic() + secondLook, last: true })
  }

  /** Those that are to be looked for now. */
  due(): { readonly key: string; readonly value: string }[] {
    const now = this.#clock.monotonic()
    return [...this.#all].flatMap(([key, { value, from }]) => (from <= now ? [{ key, value }] : []))
  }
}
