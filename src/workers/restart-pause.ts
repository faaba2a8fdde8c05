import type { Clock } from '../wechat/clock.js'

/** Upper bounds of the pauses after the second, third … death in a row, in ms. */
const ramp = [2_000, 4_000, 8_000, 16_000, 30_000]
const longest = 30_000
/** Whoever has lived so long, in ms, was no mistake from the beginning. */
const steadyAfter = 60_000

/**
 * How long the place of a dead worker stays empty: not at all the first time, then each pause is drawn from the upper half of
 * its bound (1-2 s, 2-4 s … 15-30 s), so that workers that die together do not start together.
 */
export class RestartPause {
  readonly #clock: Clock
  readonly #random: () => number
  #startedAt = 0
  #deaths = 0

  /** `random` gives numbers from 0 up to, not including, 1. */
  constructor(clock: Clock, random: () => number) {
    this.#clock = clock
    this.#random = random
  }

  started(): void {
    this.#startedAt = this.#clock.monotonic()
  }

  /** Answers in how many ms another one may start. */
  died(): number {
    if (this.#clock.monotonic() - this.#startedAt >= steadyAfter) this.#deaths = 0
    this.#deaths += 1
    if (this.#deaths === 1) return 0
    const bound = ramp[this.#deaths - 2] ?? longest
    return Math.round(bound / 2 + (bound / 2) * this.#random())
  }
}
