import type { Entry, KeyValueStore } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'
import type { CallbackEvent } from './callback-event.js'
import { DeadLetters, deadPrefixOf } from './dead-letters.js'
import type { Job } from './job.js'
import { jobKey, laneOf, partsOf, prefixOf } from './job-key.js'
import { Lane } from './lane.js'
import { OutboxWatch } from './outbox-watch.js'
import { isOfUser, removeJobs } from './remove-jobs.js'

export interface OutboxOptions {
  readonly store: KeyValueStore
  readonly clock: Clock
  /** Gives numbers from 0 up to, not including, 1. */
  readonly random: () => number
  /** Whose jobs are sent. Those of others stay until a process has their account, or they are too old. */
  readonly appIDs: readonly string[]
  /** How long it may take to send one, in ms. */
  readonly longest: (job: Job) => number
  /** Sends one. Rejects when it was not sent. */
  readonly send: (job: Job) => Promise<void>
  /** Whether another try is of no use. */
  readonly isFinal: (error: unknown, job: Job) => boolean
  readonly observe: (appID: string, event: CallbackEvent) => void
}

const pageSize = 1000

/** A job that nobody has sent or buried is kept this long, in ms: 31 days. Its account may be gone for good. */
const kept = 31 * 86_400_000

/**
 * What has to be sent, kept in the store until it is: at least once each, in no order. What fails is tried again, and
 * in the end becomes a dead letter. One lane for each receiver, so that one that is down holds up nobody else.
 */
export class Outbox {
  readonly deadLetters: DeadLetters
  readonly #options: OutboxOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #depths = new Map<string, number>()
  /** Where other processes use the store as well. */
  readonly #watch: OutboxWatch | undefined
  #started = false
  /** Ids of the jobs that came before it had started: they are counted already. */
  readonly #addedBefore = new Set<string>()
  #closed = false

  constructor(options: OutboxOptions) {
    this.#options = options
    this.deadLetters = new DeadLetters(options)
    if (options.store.peers === undefined) return
    this.#watch = new OutboxWatch({
      ...options,
      found: (appID, lane) => this.#look(appID, lane),
      counted: (appID, count) => this.#depths.set(appID, count),
      failed: (appID, error) => options.observe(appID, { type: 'store-failed', operation: 'outbox', error }),
    })
  }

  /** Counts what an earlier process left, and goes on with it. Meanwhile nothing is sent. */
  async start(): Promise<void> {
    try {
      if (this.#watch !== undefined) await this.#watch.start()
      else for (const appID of this.#options.appIDs) await this.#countLeft(appID)
    } finally {
      this.#started = true
      this.#addedBefore.clear()
      for (const lane of this.#lanes.values()) lane.look()
    }
  }

  /** How much waits here for an account. Where other processes use the store as well: how much did some seconds ago. */
  depth(appID: string): number {
    return this.#depths.get(appID) ?? 0
  }

  /** What puts a job here that is due in `delay` ms, for the same step as other changes; `added` is to be called when that is made. */
  adding(job: Job, delay = 0): { readonly put: Entry } {
    return { put: entryOf(job, this.#options.clock.now() + delay) }
  }

  added(jobs: readonly Job[]): void {
    for (const job of jobs) {
      this.#count(job.appID, 1)
      if (!this.#started) this.#addedBefore.add(job.id)
    }
    for (const job of jobs) this.#look(job.appID, laneOf(job))
  }

  /** Puts a job here that is due in `delay` ms. Answers the key by which it can be taken back. */
  async add(job: Job, delay = 0): Promise<string> {
    const adding = this.adding(job, delay)
    await this.#options.store.write([adding])
    this.added([job])
    return adding.put.key
  }

  /** Takes a job back, and puts others in its place. */
  async replace(key: string, appID: string, jobs: readonly Job[]): Promise<void> {
    await this.#options.store.write([{ remove: key }, ...jobs.map((job) => this.adding(job))])
    this.#count(appID, -1)
    this.added(jobs)
  }

  /** A dead letter is to be sent once more, from the beginning. Answers whether there was one. */
  async redeliver(appID: string, id: string): Promise<boolean> {
    const now = this.#options.clock.now()
    const job = await this.deadLetters.revive(appID, id, (dead) => {
      const { error: _, ...fresh } = { ...dead, accepted: now, attempts: 0 }
      return { job: fresh, change: this.adding(fresh) }
    })
    if (job === undefined) return false
    this.added([job])
    return true
  }

  /** Removes what waits to be sent, and the dead letters, as far as they are of a user. Answers how many those were. */
  async forget(appID: string, openid: string): Promise<number> {
    const { store } = this.#options
    const isMeant = (job: Job) => isOfUser(job, openid)
    const waiting = await removeJobs(store, prefixOf(appID), isMeant)
    this.#count(appID, -waiting)
    return waiting + (await removeJobs(store, deadPrefixOf(appID), isMeant))
  }

  /** Takes nothing up any more. Resolves when what is under way is done. */
  async close(): Promise<void> {
    this.#closed = true
    this.#watch?.close()
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()))
  }

  async #countLeft(appID: string): Promise<void> {
    const prefix = prefixOf(appID)
    for (let after = prefix; ; ) {
      const entries = await this.#options.store.list({ prefix, after, limit: pageSize })
      for (const { key } of entries) {
        const { lane, id } = partsOf(key)
        if (!this.#addedBefore.has(id)) this.#count(appID, 1)
        this.#lane(appID, lane)
        after = key
      }
      if (entries.length < pageSize) break
    }
  }

  #look(appID: string, name: string): void {
    const lane = this.#lane(appID, name)
    if (this.#started && !this.#closed) lane.look()
  }

  #lane(appID: string, name: string): Lane {
    const prefix = `${prefixOf(appID)}${name}/`
    const there = this.#lanes.get(prefix)
    if (there !== undefined) return there
    const lane = new Lane({
      ...this.#options,
      observe: (event) => this.#options.observe(appID, event),
      prefix,
      entryOf,
      bury: (dead) => this.deadLetters.burial(dead),
      left: () => this.#count(appID, -1),
    })
    this.#lanes.set(prefix, lane)
    return lane
  }

  /** What others do is not seen here: with them the store is counted now and then. */
  #count(appID: string, change: number): void {
    if (this.#watch === undefined) this.#depths.set(appID, this.depth(appID) + change)
  }
}

function entryOf(job: Job, due: number): Entry {
  return { key: jobKey(job, due), value: JSON.stringify(job), expiresAt: Math.ceil(job.accepted) + kept }
}
