import type { Late } from './back-end.js'

/** What this process knows of one push, from its first delivery on. There can be many: no more in it than is needed. */
export class Handling {
  /** What happens to its reply if that is late. */
  late: Late = 'customer-service'
  /** How many deliveries there were. */
  deliveries = 0
  /** How many, as far as is known, an earlier process had. */
  earlier = 0
  /** Whether WeChat has been answered without the reply, which therefore has to go another way. */
  overdue = false
  /** Whether its reply is on another way already. */
  leaving = false
  /** Whether a delivery was left without an answer, so that WeChat asks again. */
  postponed = false
  /** Whether a delivery was answered with the reply. */
  given = false
  /** Resolves when a late reply can no more be forgotten. */
  expected: Promise<void> | undefined
  #reply: string | undefined
  /** Told when it has its reply. */
  #waiting: (() => void)[] | undefined

  /** The XML of a passive reply, empty for none; `undefined` while the handling goes on. */
  get reply(): string | undefined {
    return this.#reply
  }

  /** Calls `work` once, when there is the reply. */
  whenFinished(work: () => void): void {
    if (this.#reply !== undefined) work()
    else if (this.#waiting === undefined) this.#waiting = [work]
    else this.#waiting.push(work)
  }

  finish(reply: string): void {
    this.#reply = reply
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const work of waiting) work()
  }
}
