import type { SharedCounts } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'

/** How long a key is counted, in ms, from its first request on. */
const minute = 60_000
/** Most keys that are remembered: some MB. Beyond it the one that was counted the longest ago is forgotten. */
const mostKeys = 10_000
/** How often processes that count together tell each other, in ms. */
const exchangeGap = 100
/** Keys that are told of at a time; the others have their turn. */
const mostTold = 500

interface Count {
  count: number
  /** By the monotonic clock, in ms. */
  endsAt: number
  /** How many of them the other processes do not know of yet. */
  untold: number
}

export interface TallyOptions {
  /** Requests a minute, at least 1. */
  readonly perMinute: number
  readonly clock: Clock
  /** What is counted together with other processes, and under which name. Default: this process counts alone. */
  readonly shared?: { readonly counts: SharedCounts; readonly name: string } | undefined
}

/**
 * Counts requests by a key, at once and exactly. With other processes it counts together, as far as it has heard of them, which
 * is a tenth of a second old; without the store that they share, alone.
 */
export class Tally {
  readonly #options: TallyOptions
  /** In the order in which the keys were counted last. */
  readonly #counts = new Map<string, Count>()
  readonly #untold = new Set<string>()
  #exchanging = false

  constructor(options: TallyOptions) {
    this.#options = options
  }

  /** Counts one for the key. Whole seconds until its minute is over, if that was one too many, which is not counted. */
  count(key: string): number | undefined {
    const { perMinute, clock, shared } = this.#options
    const now = clock.monotonic()
    const count = this.#counts.get(key) ?? this.#begin(key)
    if (now >= count.endsAt) {
      count.count = 0
      count.untold = 0
      count.endsAt = now + minute
    }
    if (count.count >= perMinute) return secondsTo(count.endsAt, now)
    count.count += 1
    // Nobody is forgotten while there is room for as many more.
    if (this.#counts.size > mostKeys / 2) this.#moveLast(key, count)
    if (shared !== undefined) this.#tellLater(key, count)
    return undefined
  }

  /** What `count` would answer, without counting. */
  wait(key: string): number | undefined {
    const { perMinute, clock } = this.#options
    const count = this.#counts.get(key)
    const now = clock.monotonic()
    const isSpent = count !== undefined && now < count.endsAt && count.count >= perMinute
    return isSpent ? secondsTo(count.endsAt, now) : undefined
  }

  #moveLast(key: string, count: Count): void {
    this.#counts.delete(key)
    this.#counts.set(key, count)
  }

  #begin(key: string): Count {
    const [oldest] = this.#counts.size < mostKeys ? [] : this.#counts.keys()
    if (oldest !== undefined) {
      this.#counts.delete(oldest)
      this.#untold.delete(oldest)
    }
    const count = { count: 0, endsAt: Number.NEGATIVE_INFINITY, untold: 0 }
    this.#counts.set(key, count)
    return count
  }

  #tellLater(key: string, count: Count): void {
    count.untold += 1
    this.#untold.add(key)
    if (this.#exchanging) return
    this.#exchanging = true
    this.#options.clock.after(exchangeGap, () => void this.#exchange(), { background: true })
  }

  async #exchange(): Promise<void> {
    const keys = [...this.#untold].slice(0, mostTold)
    for (const key of keys) this.#untold.delete(key)
    await Promise.all(keys.map((key) => this.#tell(key)))
    this.#exchanging = this.#untold.size > 0
    if (this.#exchanging) this.#options.clock.after(exchangeGap, () => void this.#exchange(), { background: true })
  }

  async #tell(key: string): Promise<void> {
    const { clock, shared } = this.#options
    const count = this.#counts.get(key)
    if (count === undefined || shared === undefined) return
    const told = count.untold
    count.untold = 0
    try {
      const all = await shared.counts.add(`${shared.name}:${key}`, told, minute)
      count.count = all.count + count.untold
      count.endsAt = clock.monotonic() + all.endsIn
    } catch {
      // The store is away: what this process counts must do.
    }
  }
}

function secondsTo(end: number, now: number): number {
  return Math.max(1, Math.ceil((end - now) / 1000))
}
