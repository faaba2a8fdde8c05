import type { KeyValueStore } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'
import { partsOf, prefixOf } from './job-key.js'

/** From one look to the next, in ms: at random between these, so that processes do not look all at once. */
const shortestPause = 4_000
const longestPause = 6_000

export interface OutboxWatchOptions {
  readonly store: KeyValueStore
  readonly clock: Clock
  readonly random: () => number
  readonly appIDs: readonly string[]
  /** Told of each lane in which something waits. */
  readonly found: (appID: string, lane: string) => void
  /** Told how much waits for an account. */
  readonly counted: (appID: string, count: number) => void
  /** Told when the store begins to fail. */
  readonly failed: (appID: string, error: unknown) => void
}

/** Finds what other processes have put in the outbox: one call for an account for which nothing waits, one more for each lane. */
export class OutboxWatch {
  readonly #options: OutboxWatchOptions
  #failing = false
  #closed = false
  #callOff: () => void = () => undefined

  constructor(options: OutboxWatchOptions) {
    this.#options = options
  }

  /** Looks now and again. Rejects when the store fails; it is looked again all the same. */
  async start(): Promise<void> {
    try {
      for (const appID of this.#options.appIDs) await this.#look(appID)
    } finally {
      this.#lookLater()
    }
  }

  close(): void {
    this.#closed = true
    this.#callOff()
  }

  #lookLater(): void {
    if (this.#closed) return
    const { clock, random } = this.#options
    const wait = shortestPause + (longestPause - shortestPause) * random()
    this.#callOff = clock.after(wait, () => void this.#lookAgain(), { background: true })
  }

  async #lookAgain(): Promise<void> {
    for (const appID of this.#options.appIDs) {
      if (this.#closed) return
      try {
        await this.#look(appID)
        this.#failing = false
      } catch (error) {
        if (!this.#failing) this.#options.failed(appID, error)
        this.#failing = true
        break
      }
    }
    this.#lookLater()
  }

  async #look(appID: string): Promise<void> {
    const { store, found, counted } = this.#options
    const prefix = prefixOf(appID)
    let lanes = 0
    for (let after = prefix; ; lanes += 1) {
      const [first] = await store.list({ prefix, after, limit: 1 })
      if (first === undefined || this.#closed) break
      const { lane, behind } = partsOf(first.key)
      found(appID, lane)
      after = behind
    }
    counted(appID, lanes === 0 ? 0 : await store.count(prefix))
  }
}
