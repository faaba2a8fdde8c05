import type { Change, KeyValueStore } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'
import { BackEndFault } from './back-end-fault.js'
import type { CallbackEvent } from './callback-event.js'
import type { Job } from './job.js'
import { Undeliverable } from './undeliverable.js'

/** How many are sent at the same time. */
const mostAtOnce = 8

/** The pauses between tries: doubled from the first to the longest one, in ms, each drawn from the upper half of its bound. */
const firstPause = 1_000
const longestPause = 3_600_000

/** How long a job is tried, in ms. A reply after an hour is no reply any more. */
const longestTrial = { copy: 24 * 3_600_000, ask: 600_000, reply: 3_600_000 } as const

/** After a failure of the store, in ms. */
const storePause = 10_000

export interface LaneOptions {
  readonly store: KeyValueStore
  readonly clock: Clock
  readonly random: () => number
  readonly send: (job: Job) => Promise<readonly Job[]>
  readonly isFinal: (error: unknown, job: Job) => boolean
  readonly observe: (event: CallbackEvent) => void
  /** What the keys of this lane begin with; the time at which each is due follows, as 15 digits. */
  readonly prefix: string
  readonly rekey: (job: Job, due: number) => string
  readonly adding: (job: Job) => Change
  readonly bury: (job: Job) => Change
  /** Told of jobs that came out of others. */
  readonly followed: (jobs: readonly Job[]) => void
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
  #looking = false
  #lookAgain = false
  #closed = false
  #callOff: () => void = () => undefined

  constructor(options: LaneOptions) {
    this.#options = options
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
      if (wait !== undefined && !this.#closed) {
        this.#callOff = this.#options.clock.after(wait, () => this.look(), { background: true })
      }
    } while (this.#lookAgain)
    this.#looking = false
  }

  /** Takes up what is due and there is room for. Answers after how many ms the next one is due; `undefined`: nothing to wait for. */
  async #take(): Promise<number | undefined> {
    const { store, clock, prefix } = this.#options
    if (this.#closed || this.#taken.size >= mostAtOnce) return undefined
    this.#done.clear()
    const entries = await store.list({ prefix, limit: mostAtOnce + this.#taken.size })
    for (const { key, value } of entries) {
      if (this.#closed || this.#taken.size >= mostAtOnce) return undefined
      if (this.#taken.has(key) || this.#done.has(key)) continue
      const wait = dueIn(key, prefix) - clock.now()
      if (wait > 0) return wait
      this.#taken.add(key)
      const sending = this.#send(key, value).finally(() => this.#underWay.delete(sending))
      this.#underWay.add(sending)
    }
    return undefined
  }

  async #send(key: string, value: string): Promise<void> {
    const outcome = await this.#outcomeOf(value)
    if (outcome !== undefined && (await this.#written([{ remove: key }, ...outcome.changes]))) outcome.after()
    this.#taken.delete(key)
    this.#done.add(key)
    if (!this.#closed) this.look()
  }

  /** What is sent is not sent again because the store does not take it: the store is asked again. */
  async #written(changes: readonly Change[]): Promise<boolean> {
    const { store, clock, observe } = this.#options
    while (true) {
      try {
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
    const error = new Undeliverable('its time was over before its turn came')
    observe({ type: 'not-sent', job, error, retryIn: undefined })
    return { changes: [bury({ ...job, error: error.message })], after: left }
  }

  /** `undefined`: it stays as it is. */
  async #try(job: Job): Promise<Outcome | undefined> {
    const { send, observe, adding, followed, left } = this.#options
    try {
      const next = await send(job)
      observe({ type: 'sent', job })
      return {
        changes: next.map(adding),
        after() {
          left()
          followed(next)
        },
      }
    } catch (error) {
      // Nothing is wrong with it: the next process sends it.
      if (error instanceof BackEndFault && error.kind === 'ended') return undefined
      return this.#failed(job, error)
    }
  }

  #failed(job: Job, error: unknown): Outcome {
    const { clock, isFinal, observe, rekey, bury, left } = this.#options
    const tried = { ...job, attempts: job.attempts + 1, error: error instanceof Error ? error.message : String(error) }
    const pause = this.#pauseAfter(tried.attempts)
    const last = isFinal(error, job) || clock.now() + pause - job.accepted > longestTrial[job.kind]
    observe({ type: 'not-sent', job: tried, error, retryIn: last ? undefined : pause })
    if (last) return { changes: [bury(tried)], after: left }
    const again = { put: { key: rekey(tried, clock.now() + pause), value: JSON.stringify(tried) } }
    return { changes: [again], after: () => undefined }
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
