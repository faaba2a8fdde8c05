import type { Change, Entry, KeyValueStore, Peers } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'
import { BackEndFault } from './back-end-fault.js'
import type { CallbackEvent } from './callback-event.js'
import type { Job } from './job.js'
import { Undeliverable, UnknownReceiver } from './undeliverable.js'
import { UnsureLeases } from './unsure-leases.js'

/** How many are sent at the same time. */
const mostAtOnce = 8

/** The pauses between tries: doubled from the first to the longest one, in ms, each drawn from the upper half of its bound. */
const firstPause = 1_000
const longestPause = 3_600_000

/** How long a job is tried, in ms. A reply after an hour is no reply any more. */
const longestTrial = { copy: 24 * 3_600_000, ask: 600_000, reply: 3_600_000 } as const

/**
 * A job for a receiver that this process does not know, as while a new configuration is rolled out, is left to the others: for as
 * long as it has waited so far, within these bounds, in ms.
 */
const leftToOthers = { shortest: 20_000, longest: 3_600_000 } as const

/** After a failure of the store, in ms. */
const storePause = 10_000

/**
 * A job that a process has taken is everybody's again so long, in ms, after its sending has to be over: clocks may differ, and a
 * process may stand still for a moment.
 */
const leaseMargin = 60_000

export interface LaneOptions {
  readonly store: KeyValueStore
  readonly clock: Clock
  readonly random: () => number
  readonly send: (job: Job) => Promise<void>
  /** How long that may take, in ms. */
  readonly longest: (job: Job) => number
  readonly isFinal: (error: unknown, job: Job) => boolean
  readonly observe: (event: CallbackEvent) => void
  /** What the keys of this lane begin with; the time at which each is due follows, as 15 digits. */
  readonly prefix: string
  /** How a job that is due then is stored. */
  readonly entryOf: (job: Job, due: number) => Entry
  readonly bury: (job: Job) => Change
  /** Told when a job has left the lane. */
  readonly left: () => void
}

/** What becomes of a job: what is written in its place, and what to do when that is done. */
interface Outcome {
  readonly changes: readonly Change[]
  readonly after: () => void
}

/** Sends the jobs for one receiver, each when it is due. */
export class Lane {
  readonly #options: LaneOptions
  /** Keys of the jobs that are being sent. */
  readonly #taken = new Set<string>()
  /** Keys of those that have been sent since the store was last asked: its answer can still hold them. */
  readonly #done = new Set<string>()
  readonly #underWay = new Set<Promise<void>>()
  readonly #unsure: UnsureLeases
  /** How many are being sent. */
  #sending = 0
  #looking = false
  #lookAgain = false
  #closed = false
  #callOff: () => void = () => undefined

  constructor(options: LaneOptions) {
    this.#options = options
    this.#unsure = new UnsureLeases(options.clock)
  }

  /** Takes up what is due. */
  look(): void {
    if (this.#looking) this.#lookAgain = true
    else void this.#look()
  }

  /** Takes nothing up any more. Resolves when what is under way is done. */
  async close(): Promise<void> {
    this.#closed = true
    this.#callOff()
    await Promise.all(this.#underWay)
  }

  async #look(): Promise<void> {
    this.#looking = true
    do {
      this.#lookAgain = false
      this.#callOff()
      const wait = await this.#take().catch((error: unknown) => {
        this.#options.observe({ type: 'store-failed', operation: 'outbox', error })
        return storePause
      })
      if (wait !== undefined) this.#lookLater(wait)
    } while (this.#lookAgain)
    this.#looking = false
  }

  #lookLater(wait: number): void {
    this.#callOff()
    if (!this.#closed) this.#callOff = this.#options.clock.after(wait, () => this.look(), { background: true })
  }

  /** Takes up what is due and there is room for. Answers after how many ms the next one is due; `undefined`: nothing to wait for. */
  async #take(): Promise<number | undefined> {
    const { store, clock, prefix } = this.#options
    if (this.#closed || this.#sending >= mostAtOnce) return undefined
    this.#done.clear()
    const entries = await store.list({ prefix, limit: mostAtOnce + this.#taken.size })
    const unsure = await this.#madeUnsure()
    for (const [n, { key, value }] of [...unsure, ...entries].entries()) {
      if (this.#closed || this.#sending >= mostAtOnce) return undefined
      if (this.#taken.has(key) || this.#done.has(key)) continue
      const wait = n < unsure.length ? 0 : dueIn(key, prefix) - clock.now()
      if (wait > 0) return wait
      this.#taken.add(key)
      this.#sending += 1
      const sending = this.#send(key, value).finally(() => this.#underWay.delete(sending))
      this.#underWay.add(sending)
    }
    return undefined
  }

  /** Jobs that this process has leased after all. */
  async #madeUnsure(): Promise<Pick<Entry, 'key' | 'value'>[]> {
    const made: Pick<Entry, 'key' | 'value'>[] = []
    for (const { key, value } of this.#unsure.due()) {
      if (this.#taken.has(key)) continue
      if ((await this.#options.store.get(key)) === value) made.push({ key, value })
      else this.#unsure.missed(key)
    }
    return made
  }

  async #send(key: string, value: string): Promise<void> {
    const { store, observe } = this.#options
    // To wait for nothing costs too.
    const lease = store.peers === undefined ? undefined : this.#lease(store.peers, key, value)
    let failed = false
    try {
      const held = lease === undefined ? key : await lease
      if (held !== undefined) await this.#sendHeld(held, value)
    } catch (error) {
      observe({ type: 'store-failed', operation: 'outbox', error })
      failed = true
    }
    this.#taken.delete(key)
    this.#done.add(key)
    this.#sending -= 1
    // A store that refuses changes may still be read.
    if (failed) this.#lookLater(storePause)
    else if (!this.#closed) this.look()
  }

  async #sendHeld(held: string, value: string): Promise<void> {
    this.#taken.add(held)
    const outcome = await this.#outcomeOf(value)
    if (outcome !== undefined && (await this.#written(held, value, outcome.changes))) outcome.after()
    this.#taken.delete(held)
    this.#done.add(held)
  }

  /**
   * Takes a job out of reach of other processes for longer than its sending can last. Answers its new key, which names this
   * process; `undefined` if another one was first.
   */
  async #lease({ self }: Peers, key: string, value: string): Promise<string | undefined> {
    const { store, clock, entryOf, longest } = this.#options
    const job = jobIn(value)
    if (job === undefined) return key
    const entry = entryOf(job, clock.now() + longest(job) + leaseMargin)
    const put = { ...entry, key: `${entry.key}/${self}`, value }
    try {
      const made = await store.replace(key, value, [{ remove: key }, { put }])
      this.#unsure.delete(key)
      return made ? put.key : undefined
    } catch (error) {
      // It can have been made all the same: then nobody else sends the job for minutes.
      this.#unsure.add(put.key, value)
      throw error
    }
  }

  /** What is sent is not sent again because the store does not take it: the store is asked again. */
  async #written(held: string, value: string, also: readonly Change[]): Promise<boolean> {
    const { store, clock, observe } = this.#options
    const changes = [{ remove: held }, ...also]
    while (true) {
      try {
        // After the time for which it was taken it may be another process's.
        if (store.peers !== undefined) return await store.replace(held, value, changes)
        await store.write(changes)
        return true
      } catch (error) {
        observe({ type: 'store-failed', operation: 'outbox', error })
        if (this.#closed) return false
        await new Promise<void>((resolve) => {
          clock.after(storePause, resolve, { background: true })
        })
      }
    }
  }

  async #outcomeOf(value: string): Promise<Outcome | undefined> {
    const job = jobIn(value)
    // Nobody can make anything of it.
    if (job === undefined) return { changes: [], after: this.#options.left }
    const { clock, bury, left, observe } = this.#options
    if (clock.now() - job.accepted <= longestTrial[job.kind]) return this.#try(job)
    const error = new Undeliverable(job.error ?? 'its time was over before its turn came')
    observe({ type: 'not-sent', job, error, retryIn: undefined })
    return { changes: [bury({ ...job, error: error.message })], after: left }
  }

  /** `undefined`: it stays as it is. */
  async #try(job: Job): Promise<Outcome | undefined> {
    const { store, send, observe, left } = this.#options
    try {
      await send(job)
      observe({ type: 'sent', job })
      return { changes: [], after: left }
    } catch (error) {
      // Nothing is wrong with it: the next process sends it.
      if (error instanceof BackEndFault && error.kind === 'ended') return this.#left(job)
      if (error instanceof UnknownReceiver && store.peers !== undefined) return this.#leftToOthers(job, error)
      return this.#failed(job, error)
    }
  }

  #left(job: Job): Outcome | undefined {
    const { store, clock, entryOf } = this.#options
    if (store.peers === undefined) return undefined
    return { changes: [{ put: entryOf(job, clock.now()) }], after: () => undefined }
  }

  /** No try: nobody was asked. */
  #leftToOthers(job: Job, error: UnknownReceiver): Outcome {
    const { clock, observe, entryOf } = this.#options
    const { shortest, longest } = leftToOthers
    const retryIn = Math.min(longest, Math.max(shortest, clock.now() - job.accepted))
    const left = { ...job, error: error.message }
    observe({ type: 'not-sent', job: left, error, retryIn })
    return { changes: [{ put: entryOf(left, clock.now() + retryIn) }], after: () => undefined }
  }

  #failed(job: Job, error: unknown): Outcome {
    const { clock, isFinal, observe, entryOf, bury, left } = this.#options
    const tried = { ...job, attempts: job.attempts + 1, error: error instanceof Error ? error.message : String(error) }
    const pause = this.#pauseAfter(tried.attempts)
    const last = isFinal(error, job) || clock.now() + pause - job.accepted > longestTrial[job.kind]
    observe({ type: 'not-sent', job: tried, error, retryIn: last ? undefined : pause })
    if (last) return { changes: [bury(tried)], after: left }
    return { changes: [{ put: entryOf(tried, clock.now() + pause) }], after: () => undefined }
  }

  #pauseAfter(attempts: number): number {
    const bound = Math.min(longestPause, firstPause * 2 ** (attempts - 1))
    return bound / 2 + (bound / 2) * this.#options.random()
  }
}

function jobIn(value: string): Job | undefined {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

function dueIn(key: string, prefix: string): number {
  return Number(key.slice(prefix.length, prefix.length + 15))
}
