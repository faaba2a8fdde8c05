import type { Clock } from './clock.js'
import type { CredentialHappening } from './credential-event.js'
import { WechatError } from './errors.js'
import type { Storage } from './storage.js'

const recordName = 'fetches'

/** Bounds on what one account may fetch, however its callers behave (P5). */
export interface FetchLimits {
  /** Fetches a day. */
  readonly daily: number
  /** Forced fetches a day: those that replace a token before its time. */
  readonly forcedDaily: number
  /** The least distance between two forced fetches, in ms. */
  readonly forcedGap: number
}

interface Count {
  /** The day in Beijing, `2026-01-31`. */
  day: string
  fetches: number
  forced: number
  /** When the last forced fetch was admitted, in ms since the epoch. */
  forcedAt: number
  version: number
}

/** Counts an account's token fetches against its day's budget. The count is stored beside the token, if the storage takes it. */
export class Governor {
  readonly #clock: Clock
  readonly #storage: Storage
  readonly #observe: (event: CredentialHappening) => void
  readonly limits: FetchLimits
  #count: Count | undefined
  /** When the last forced fetch of this process was admitted. */
  #forcedAt = 0

  constructor(options: {
    clock: Clock
    storage: Storage
    limits: FetchLimits
    observe: (event: CredentialHappening) => void
  }) {
    this.#observe = options.observe
    this.#clock = options.clock
    this.#storage = options.storage
    this.limits = options.limits
  }

  /**
   * Counts one fetch that is about to start. Call it with the credential's lock held.
   *
   * @throws {WechatError} BUDGET_SPENT with `retryAfter`, when the fetch would go over a limit; it is not counted then.
   */
  async admit(forced: boolean): Promise<void> {
    const count = await this.#load()
    if (count.fetches >= this.limits.daily) throw this.#spent('daily limit of token fetches', untilMidnight(this.#now))
    if (forced) this.#admitForced(count)
    count.fetches += 1
    await this.#keep(count)
  }

  /**
   * Takes note that the fetch admitted last failed: a forced one may be tried again without its distance, at the pace of
   * the backoff. If it never reached WeChat (`delivered` is false) it is not counted either.
   */
  async failed(forced: boolean, delivered: boolean): Promise<void> {
    if (!forced && delivered) return
    const count = await this.#load()
    // Another process may have been admitted since, if this one stood still.
    if (forced && count.forcedAt === this.#forcedAt) count.forcedAt = 0
    if (!delivered) {
      count.fetches = Math.max(0, count.fetches - 1)
      if (forced) count.forced = Math.max(0, count.forced - 1)
    }
    await this.#keep(count)
  }

  /** Fetches counted today. */
  async today(): Promise<number> {
    return (await this.#load()).fetches
  }

  #admitForced(count: Count): void {
    if (count.forced >= this.limits.forcedDaily) {
      throw this.#spent('daily limit of forced token fetches', untilMidnight(this.#now))
    }
    // A distance that looks negative was measured by a clock that was set back: it counts as long ago.
    const distance = this.#now - count.forcedAt
    if (distance >= 0 && distance < this.limits.forcedGap) {
      throw this.#spent('distance between two forced token fetches', this.limits.forcedGap - distance)
    }
    count.forced += 1
    count.forcedAt = this.#now
    this.#forcedAt = count.forcedAt
  }

  get #now(): number {
    return this.#clock.now()
  }

  #spent(limit: string, ms: number): WechatError {
    return new WechatError('BUDGET_SPENT', `the hub's own ${limit} is used up`, {
      kind: 'quota',
      errcode: 45009,
      hint: 'Something makes the tokens of this account die early, or reports them as dead: look for another program that fetches tokens with the same AppSecret.',
      retryAfter: Math.max(1, Math.ceil(ms / 1000)),
    })
  }

  async #load(): Promise<Count> {
    const stored = await this.#read()
    const known = this.#count
    // Other processes count in the same record; a storage that fails or went back must not grant the day anew.
    const latest = stored !== undefined && (known === undefined || stored.version >= known.version) ? stored : known
    const day = dayInBeijing(this.#now)
    if (latest?.day === day) this.#count = latest
    else this.#count = { day, fetches: 0, forced: 0, forcedAt: latest?.forcedAt ?? 0, version: latest?.version ?? 0 }
    return this.#count
  }

  async #keep(count: Count): Promise<void> {
    count.version += 1
    this.#count = count
    // What cannot be stored still counts in this process.
    const failed = (error: unknown) => this.#observe({ type: 'save-failed', error })
    await this.#storage.save(recordName, { ...count }).catch(failed)
  }

  async #read(): Promise<Count | undefined> {
    const failed = (error: unknown) => this.#observe({ type: 'read-failed', error })
    const raw = await this.#storage.read(recordName).catch(failed)
    const count = readCount(raw)
    if (count !== undefined || raw === undefined || raw === null) return count
    const where = await this.#storage.setAside?.(recordName).catch(() => undefined)
    this.#observe({ type: 'set-aside', reason: 'it is no count of fetches', where })
    return undefined
  }
}

function readCount(raw: unknown): Count | undefined {
  try {
    const record = typeof raw === 'string' ? JSON.parse(raw) : raw
    const { day, fetches, forced, forcedAt, version } = record
    const numbers = [fetches, forced, forcedAt, version]
    if (typeof day !== 'string' || !numbers.every((n) => Number.isSafeInteger(n) && n >= 0)) return undefined
    return { day, fetches, forced, forcedAt, version }
  } catch {
    return undefined
  }
}

const beijing = 8 * 3_600_000
const aDay = 24 * 3_600_000

function dayInBeijing(now: number): string {
  return new Date(now + beijing).toISOString().slice(0, 10)
}

function untilMidnight(now: number): number {
  return aDay - ((now + beijing) % aDay)
}
