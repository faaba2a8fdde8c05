import type { Handling } from './handling.js'

/** A handled push is kept at least this long, in ms, for retries that are still on their way. */
const remembered = 60_000

/** And no more of them than twice this, however many there are. */
const mostOfAGeneration = 25_000

/** The handlings of the latest pushes, by their identity. Of those that have finished a whole generation goes at once. */
export class Handlings {
  readonly #underWay = new Map<string, Handling>()
  #young = new Map<string, Handling>()
  #old = new Map<string, Handling>()
  /** When the younger generation began, in ms of the monotonic clock. */
  #begun = Number.NEGATIVE_INFINITY

  get(id: string): Handling | undefined {
    const underWay = this.#underWay.size === 0 ? undefined : this.#underWay.get(id)
    return underWay ?? this.#young.get(id) ?? this.#old.get(id)
  }

  add(id: string, handling: Handling): void {
    if (handling.reply !== undefined) {
      this.#young.set(id, handling)
      return
    }
    this.#underWay.set(id, handling)
    handling.whenFinished(() => {
      this.#underWay.delete(id)
      // Of what another process does nothing is known here for longer than a delivery waits.
      if (!handling.elsewhere) this.#young.set(id, handling)
    })
  }

  /** Lets go of what no retry asks for any more. `now` in ms of the monotonic clock. */
  forget(now: number): void {
    if (now - this.#begun < remembered && this.#young.size < mostOfAGeneration) return
    this.#old = this.#young
    this.#young = new Map()
    this.#begun = now
  }
}
