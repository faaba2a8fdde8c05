import type { Handling } from './handling.js'

/** A handled push is kept this long, in ms, for retries that are still on their way. */
const remembered = 60_000

/** And no more of them than this, however many there are. */
const mostRemembered = 50_000

/** The handlings of the latest pushes, by their identity. */
export class Handlings {
  readonly #underWay = new Map<string, Handling>()
  /** In the order in which they were finished. */
  readonly #finished = new Map<string, Handling>()
  /** Goes on where it stopped: one that began anew would step over all that was let go of. */
  #inOrder = this.#finished.entries()
  /** The oldest that is kept. */
  #oldest = this.#inOrder.next()

  get(id: string): Handling | undefined {
    return this.#underWay.get(id) ?? this.#finished.get(id)
  }

  add(id: string, handling: Handling): void {
    if (handling.reply !== undefined) {
      this.#finished.set(id, handling)
      return
    }
    this.#underWay.set(id, handling)
    handling.whenFinished(() => {
      this.#underWay.delete(id)
      this.#finished.set(id, handling)
    })
  }

  /** Lets go of what no retry asks for any more. `now` in ms of the monotonic clock. */
  forget(now: number): void {
    if (this.#oldest.done) this.#restart()
    while (!this.#oldest.done) {
      const [id, { finishedAt }] = this.#oldest.value
      if (finishedAt + remembered > now && this.#finished.size < mostRemembered) return
      this.#finished.delete(id)
      this.#oldest = this.#inOrder.next()
    }
  }

  /** An iterator that has come to the end stays there. */
  #restart(): void {
    this.#inOrder = this.#finished.entries()
    this.#oldest = this.#inOrder.next()
  }
}
