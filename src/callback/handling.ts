import type { Late } from './back-end.js'

/** What this process knows of one push, from its first delivery on. There can be many: no more in it than is needed. */
export class Handling {
  /** What happens to its reply if that is late. */
  late: Late = 'customer-service'
  /** How many deliveries there were. */
  deliveries = 0
  /** How many of them have not been decided on. */
  open = 0
  /** How many, as far as is known, other processes had. */
  earlier = 0
  /** Whether WeChat has been answered without the reply, which therefore has to go another way. */
  overdue = false
  /** Whether its reply is on another way already. */
  leaving = false
  /** Whether a delivery was left without an answer, so that WeChat asks again. */
  postponed = false
  /** Whether a delivery was answered with the reply. */
  given = false
  /** Whether the reply waits in the store for a retry, at whichever process. */
  kept = false
  /** Resolves when a late reply can no more be forgotten; with the reply, should another process have it after all. */
  expected: Promise<string | undefined> | undefined
  /** Resolves when the other processes know of the reply. */
  settling: Promise<unknown> | undefined
  #reply: string | undefined
  #elsewhere = false
  /** Told when it has its reply. */
  #waiting: (() => void)[] | undefined

  /** The XML of a passive reply, empty for none; `undefined` while the handling goes on. */
  get reply(): string | undefined {
    return this.#reply
  }

  /** Whether another process is at work on it. */
  get elsewhere(): boolean {
    return this.#elsewhere
  }

  /** Calls `work` once, when there is the reply, or another process turns out to be at work on it. */
  whenFinished(work: () => void): void {
    if (this.#reply !== undefined || this.#elsewhere) work()
    else if (this.#waiting === undefined) this.#waiting = [work]
    else this.#waiting.push(work)
  }

  finish(reply: string): void {
    this.#reply = reply
    this.#wake()
  }

  /** An earlier process has finished it. `waited`: no delivery has had the reply. */
  foundFinished({ reply, waited = false }: { readonly reply: string; readonly waited?: boolean }): void {
    this.earlier = Math.max(1, this.earlier)
    this.postponed ||= waited
    this.kept = waited
    this.finish(reply)
  }

  /** Another process is at work on it: whoever waits here has to look there. `overdue`: the reply goes another way from there. */
  handOver(overdue: boolean): void {
    this.overdue ||= overdue
    this.#elsewhere = true
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const work of waiting) work()
  }
}
