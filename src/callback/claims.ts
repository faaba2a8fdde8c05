import { randomUUID } from 'node:crypto'
import type { Change, KeyValueStore } from '../stores/store.js'
import type { AtWork, Claim, Finished } from './claim.js'

/** In ms. WeChat's retries end within 20 s; a push that comes once more after an hour is treated as new. */
const kept = 3_600_000

/**
 * What claiming a push has shown: whether it is the first claim, how many deliveries came to nothing, what the reply was
 * (`waited`: that no delivery has been given it before), or that another process is at work on it (`overdue`: that its reply
 * goes another way).
 */
export type Claimed =
  | { readonly first: boolean; readonly deliveries: number }
  | { readonly first: false; readonly reply: string; readonly waited?: boolean }
  | { readonly first: false; readonly elsewhere: true; readonly deliveries: number; readonly overdue: boolean }

/** What is told of a claim. */
export interface ClaimOptions {
  /** Whether the delivery has been counted before. Default false. */
  readonly counted?: boolean
  /** Told at once that there is the claim of another process, before it is known whether that one lives. */
  readonly seen?: (claimed: Claimed) => void
}

/**
 * How it ended to settle a push: it is settled; not, since a delivery was answered without its reply (`overdue`), since
 * another process is at work on it (`elsewhere`), or since it had been settled already.
 */
export type Settled = 'settled' | 'overdue' | 'elsewhere' | Finished

export interface ClaimsOptions {
  readonly store: KeyValueStore
  readonly clock: { now(): number }
  /** Whose pushes. */
  readonly appID: string
}

/** What is to become of a claim, if anything, and what is made in the same step. */
interface Next<T> {
  readonly answer: T
  readonly become?: Claim
  readonly also?: readonly Change[]
}

/** Remembers in a store which pushes of an account were handled, by whom, and with what reply. */
export class Claims {
  /** Whether other processes use the store as well. */
  readonly shared: boolean
  readonly #options: ClaimsOptions
  readonly #self: string

  constructor(options: ClaimsOptions) {
    const { peers } = options.store
    this.#options = options
    this.shared = peers !== undefined
    this.#self = peers?.self ?? randomUUID()
  }

  /**
   * Claims a push for a delivery, and stores `also` with the first claim. One that a process left unfinished is taken over. The
   * delivery is counted, unless another process is at work: `count` does that when nobody waits.
   */
  async claim(id: string, also: readonly Change[], { counted = false, seen }: ClaimOptions = {}): Promise<Claimed> {
    const first = { answer: { first: true, deliveries: 0 }, become: { by: this.#self, deliveries: 1 }, also }
    const found = await this.#options.store.putIfAbsent(this.#entry(id, first.become), also)
    if (found === undefined) return first.answer
    return this.#change<Claimed>(id, found, async (claim) => {
      if (claim === undefined) return first
      if ('reply' in claim) return { answer: { first: false, reply: claim.reply, waited: claim.kept !== undefined } }
      const { deliveries, overdue = false, ask } = claim
      const now = counted ? deliveries : deliveries + 1
      const elsewhere = { first: false, elsewhere: true, deliveries: now - 1, overdue } as const
      if (this.#isOthers(claim)) seen?.(elsewhere)
      if (await this.#isHeld(claim)) return { answer: elsewhere }
      // What would ask again stays until there is a reply.
      const become = { by: this.#self, deliveries: now, ...(ask === undefined ? {} : { ask }) }
      return { answer: { first: false, deliveries: now - 1 }, become }
    })
  }

  async finish(id: string, reply: string): Promise<void> {
    await this.#options.store.write([{ put: this.#entry(id, { reply }) }])
  }

  /** Counts one more delivery of a push that is being handled. Answers how many there were at all processes; 0: it is over. */
  count(id: string): Promise<number> {
    return this.#change<number>(id, undefined, (claim) => {
      if (claim === undefined || 'reply' in claim) return { answer: 0 }
      const deliveries = claim.deliveries + 1
      return { answer: deliveries, become: { ...claim, deliveries } }
    })
  }

  /**
   * A delivery is to be answered without the reply: whoever is at work on the push has to send that another way. `ask` puts
   * the job that asks again, should that process end before. Answers the reply if there is one after all that any retry may have.
   */
  overdue(id: string, ask?: { readonly key: string; readonly change: Change }): Promise<string | undefined> {
    return this.#change<string | undefined>(id, undefined, (claim) => {
      if (claim !== undefined && 'reply' in claim) return { answer: claim.kept === undefined ? claim.reply : undefined }
      const { overdue, ...atWork } = claim ?? { by: this.#self, deliveries: 1 }
      if (overdue) return { answer: undefined }
      const asked = ask === undefined || atWork.ask !== undefined
      if (asked) return { answer: undefined, become: { ...atWork, overdue: true } }
      return { answer: undefined, become: { ...atWork, overdue: true, ask: ask.key }, also: [ask.change] }
    })
  }

  /**
   * Ends the work on a push, and makes `also` in the same step. `evenOverdue`: the reply goes another way, or has gone one.
   */
  settle(id: string, finished: Finished, also: readonly Change[], evenOverdue: boolean): Promise<Settled> {
    // Most pushes have one delivery.
    const guess = JSON.stringify({ by: this.#self, deliveries: 1 })
    return this.#change<Settled>(id, guess, async (claim) => {
      if (claim !== undefined && 'reply' in claim) return { answer: claim }
      if (claim !== undefined && (await this.#isHeld(claim))) return { answer: 'elsewhere' }
      if (claim?.overdue && !evenOverdue) return { answer: 'overdue' }
      const asking = claim?.ask === undefined ? [] : [{ remove: claim.ask }]
      return { answer: 'settled', become: finished, also: [...asking, ...also] }
    })
  }

  /** A retry is given the reply that waited for one. Answers what it gets; `undefined`: nothing is known of it. */
  take(id: string): Promise<string | undefined> {
    return this.#change<string | undefined>(id, undefined, (claim) => {
      if (claim === undefined || !('reply' in claim)) return { answer: undefined }
      const { reply, kept: job } = claim
      return job === undefined ? { answer: reply } : { answer: reply, become: { reply }, also: [{ remove: job }] }
    })
  }

  /**
   * The job that was stored with a reply begins to send it, as no retry has come for it. Answers whether it may: `again`: a
   * process that began to has ended.
   */
  leave(id: string, job: string): Promise<'now' | 'again' | undefined> {
    return this.#change<'now' | 'again' | undefined>(id, undefined, (claim) => {
      if (claim === undefined) return { answer: 'again' }
      if (!('reply' in claim)) return { answer: undefined }
      if (claim.kept === undefined) return { answer: claim.left === job ? 'again' : undefined }
      return { answer: 'now', become: { reply: '', left: job } }
    })
  }

  /** Whether a push was handled to its end, or another process is at work on it. */
  async stateOf(id: string): Promise<'finished' | 'held' | 'free'> {
    const found = await this.#options.store.get(this.#keyOf(id))
    if (found === undefined) return 'free'
    const claim: Claim = JSON.parse(found)
    if ('reply' in claim) return 'finished'
    return (await this.#isHeld(claim)) ? 'held' : 'free'
  }

  /** Makes one atomic step of what `next` says; it is asked again when others came first. `found`: what was there. */
  async #change<T>(
    id: string,
    found: string | undefined,
    next: (claim: Claim | undefined) => Next<T> | Promise<Next<T>>,
  ): Promise<T> {
    const { store } = this.#options
    const key = this.#keyOf(id)
    for (let value = found ?? (await store.get(key)); ; value = await store.get(key)) {
      const { answer, become, also = [] } = await next(value === undefined ? undefined : JSON.parse(value))
      if (become === undefined) return answer
      const put = this.#entry(id, become)
      const made =
        value === undefined
          ? (await store.putIfAbsent(put, also)) === undefined
          : await store.replace(key, value, [{ put }, ...also])
      if (made) return answer
    }
  }

  /** Whether a living other process is at work. One that cannot be asked about is taken to live. */
  async #isHeld(claim: AtWork): Promise<boolean> {
    const { peers } = this.#options.store
    if (peers === undefined || !this.#isOthers(claim)) return false
    return peers.isAlive(claim.by).catch(() => true)
  }

  #isOthers({ by }: AtWork): boolean {
    return this.shared && by !== this.#self
  }

  #entry(id: string, claim: Claim) {
    const expiresAt = this.#options.clock.now() + kept
    return { key: this.#keyOf(id), value: JSON.stringify(claim), expiresAt }
  }

  #keyOf(id: string): string {
    return `once/${this.#options.appID}/${id}`
  }
}
