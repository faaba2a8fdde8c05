import { createHash } from 'node:crypto'
import type { Change, KeyValueStore } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'
import type { CallbackEvent } from './callback-event.js'
import { DeadLetters } from './dead-letters.js'
import type { Job } from './job.js'
import { Lane } from './lane.js'

export interface OutboxOptions {
  readonly store: KeyValueStore
  readonly clock: Clock
  /** Gives numbers from 0 up to, not including, 1. */
  readonly random: () => number
  /** Sends one; answers what is to be sent in its place. Rejects when it was not sent. */
  readonly send: (job: Job) => Promise<readonly Job[]>
  /** Whether another try is of no use. */
  readonly isFinal: (error: unknown, job: Job) => boolean
  readonly observe: (appID: string, event: CallbackEvent) => void
}

const prefix = 'outbox/'
const pageSize = 1000

/**
 * What has to be sent, kept in the store until it is: at least once each, in no order. What fails is tried again, and
 * in the end becomes a dead letter. One lane for each receiver, so that one that is down holds up nobody else.
 */
export class Outbox {
  readonly deadLetters: DeadLetters
  readonly #options: OutboxOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #depths = new Map<string, number>()
  #started = false
  /** Ids of the jobs that came before it had started: they are counted already. */
  readonly #addedBefore = new Set<string>()
  #closed = false

  constructor(options: OutboxOptions) {
    this.#options = options
    this.deadLetters = new DeadLetters(options)
  }

  /** Counts what an earlier process left, and goes on with it. Meanwhile nothing is sent. */
  async start(): Promise<void> {
    try {
      for (let after = prefix; ; ) {
        const entries = await this.#options.store.list({ prefix, after, limit: pageSize })
        for (const { key } of entries) {
          const { lane, id } = partsOf(key)
          if (!this.#addedBefore.has(id)) this.#count(appIDOf(lane), 1)
          this.#lane(lane)
          after = key
        }
        if (entries.length < pageSize) break
      }
    } finally {
      this.#started = true
      this.#addedBefore.clear()
      for (const lane of this.#lanes.values()) lane.look()
    }
  }

  /** How much waits here for an account. */
  depth(appID: string): number {
    return this.#depths.get(appID) ?? 0
  }

  /** What puts a job here, for the same step as other changes; `added` is to be called when that is made. */
  adding(job: Job): Change {
    return { put: { key: keyOf(job, this.#options.clock.now()), value: JSON.stringify(job) } }
  }

  added(jobs: readonly Job[]): void {
    for (const job of jobs) {
      this.#count(job.appID, 1)
      if (!this.#started) this.#addedBefore.add(job.id)
    }
    for (const job of jobs) this.#look(laneName(job))
  }

  /** Puts a job here that is due in `delay` ms. Answers the key by which it can be taken back. */
  async add(job: Job, delay = 0): Promise<string> {
    const key = keyOf(job, this.#options.clock.now() + delay)
    await this.#options.store.write([{ put: { key, value: JSON.stringify(job) } }])
    this.added([job])
    return key
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

  /** Takes nothing up any more. Resolves when what is under way is done. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()))
  }

  #look(name: string): void {
    const lane = this.#lane(name)
    if (this.#started && !this.#closed) lane.look()
  }

  #lane(name: string): Lane {
    const there = this.#lanes.get(name)
    if (there !== undefined) return there
    const appID = appIDOf(name)
    const lane = new Lane({
      ...this.#options,
      observe: (event) => this.#options.observe(appID, event),
      prefix: `${prefix}${name}/`,
      rekey: (again, due) => keyOf(again, due),
      bury: (dead) => this.deadLetters.burial(dead),
      followed: (jobs) => this.added(jobs),
      adding: (followed) => this.adding(followed),
      left: () => this.#count(appID, -1),
    })
    this.#lanes.set(name, lane)
    return lane
  }

  #count(appID: string, change: number): void {
    this.#depths.set(appID, this.depth(appID) + change)
  }
}

/** In the order of their dates. */
function keyOf(job: Job, due: number): string {
  return `${prefix}${laneName(job)}/${String(Math.ceil(due)).padStart(15, '0')}/${job.id}`
}

function partsOf(key: string): { lane: string; id: string } {
  const [, lane = '', , id = ''] = key.split('/')
  return { lane, id }
}

function appIDOf(lane: string): string {
  return lane.split(':', 1)[0] ?? ''
}

function laneName({ kind, appID, to }: Job): string {
  const receiver = kind === 'reply' ? 'users' : createHash('sha256').update(to).digest('base64url').slice(0, 16)
  return `${appID}:${kind}:${receiver}`
}
