import type { Clock } from '../wechat/clock.js'
import { type Held, secondsLeft } from '../wechat/held.js'

/** Answers as JSON text. That of one credential stays the same for a second, and is made once in it. */
export class GivenTexts {
  readonly #clock: Clock
  readonly #given: (held: Held, clock: Clock) => object
  readonly #latest = new WeakMap<Held, { readonly secondsLeft: number; readonly text: string }>()

  /** `given` is what a back end is told of a credential; of time it may depend on the whole seconds left alone. */
  constructor(clock: Clock, given: (held: Held, clock: Clock) => object) {
    this.#clock = clock
    this.#given = given
  }

  of(held: Held): string {
    const left = secondsLeft(held, this.#clock)
    const latest = this.#latest.get(held)
    if (latest?.secondsLeft === left) return latest.text
    const text = JSON.stringify(this.#given(held, this.#clock))
    this.#latest.set(held, { secondsLeft: left, text })
    return text
  }
}
