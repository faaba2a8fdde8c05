import type { Change, KeyValueStore } from '../stores/store.js'
import type { Job } from './job.js'

/** How long a dead letter is kept, in ms: 30 days. */
const kept = 30 * 86_400_000

/** What could not be sent, for people to look at. */
export class DeadLetters {
  readonly #store: KeyValueStore
  readonly #clock: { now(): number }

  constructor({ store, clock }: { store: KeyValueStore; clock: { now(): number } }) {
    this.#store = store
    this.#clock = clock
  }

  /** What makes a job a dead letter. */
  burial(job: Job): Change {
    const put = { key: keyOf(job.appID, job.id), value: JSON.stringify(job), expiresAt: this.#clock.now() + kept }
    return { put }
  }

  /** The dead letters of an account, oldest first, from after the one with the id `after`. */
  async list(appID: string, { after, limit }: { after?: string; limit: number }): Promise<readonly Job[]> {
    const from = after === undefined ? {} : { after: keyOf(appID, after) }
    const entries = await this.#store.list({ prefix: deadPrefixOf(appID), ...from, limit })
    return entries.map(({ value }): Job => JSON.parse(value))
  }

  /** Makes a dead letter the job that `become` makes of it, in one step; `undefined` if there is none with this id. */
  async revive(
    appID: string,
    id: string,
    become: (dead: Job) => { job: Job; change: Change },
  ): Promise<Job | undefined> {
    const key = keyOf(appID, id)
    const value = await this.#store.get(key)
    if (value === undefined) return undefined
    const { job, change } = become(JSON.parse(value))
    return (await this.#store.replace(key, value, [{ remove: key }, change])) ? job : undefined
  }

  /** Answers whether there was one. */
  async remove(appID: string, id: string): Promise<boolean> {
    const key = keyOf(appID, id)
    const value = await this.#store.get(key)
    return value !== undefined && this.#store.replace(key, value, [{ remove: key }])
  }
}

/** What the keys of an account's dead letters begin with. */
export function deadPrefixOf(appID: string): string {
  return `dead/${appID}/`
}

function keyOf(appID: string, id: string): string {
  return `${deadPrefixOf(appID)}${id}`
}
