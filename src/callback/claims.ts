import { randomUUID } from 'node:crypto'
import type { Change, KeyValueStore } from '../stores/store.js'

/** In ms. WeChat's retries end within 20 s; a push that comes once more after an hour is treated as new. */
const kept = 3_600_000

/** What is known of a push: who is at work on it, at which delivery, or what the reply was. */
type Claim = { readonly by: string; readonly deliveries: number } | { readonly reply: string }

/** What claiming a push has shown: whether it is the first claim, how many deliveries came to nothing, or what the reply was. */
export type Claimed =
  | { readonly first: boolean; readonly deliveries: number }
  | { readonly first: false; readonly reply: string }

export interface ClaimsOptions {
  readonly store: KeyValueStore
  readonly clock: { now(): number }
}

/** Remembers in a store which pushes were handled, and with what reply. */
export class Claims {
  readonly #store: KeyValueStore
  readonly #clock: { now(): number }
  readonly #self = randomUUID()

  constructor({ store, clock }: ClaimsOptions) {
    this.#store = store
    this.#clock = clock
  }

  /** Claims a push, and stores `also` with the first claim. One that a process left unfinished is taken over. */
  async claim(id: string, also: readonly Change[]): Promise<Claimed> {
    const found = await this.#store.putIfAbsent(this.#entry(id, { by: this.#self, deliveries: 1 }), also)
    return found === undefined ? { first: true, deliveries: 0 } : this.#takeOver(id, found)
  }

  async finish(id: string, reply: string): Promise<void> {
    await this.#store.write([{ put: this.#entry(id, { reply }) }])
  }

  /** Whether a push was handled to its end. */
  async isFinished(id: string): Promise<boolean> {
    const found = await this.#store.get(keyOf(id))
    return found !== undefined && 'reply' in JSON.parse(found)
  }

  async #takeOver(id: string, found: string): Promise<Claimed> {
    const claim: Claim = JSON.parse(found)
    if ('reply' in claim) return { first: false, reply: claim.reply }
    const { deliveries } = claim
    const own = { put: this.#entry(id, { by: this.#self, deliveries: deliveries + 1 }) }
    if (await this.#store.replace(keyOf(id), found, [own])) return { first: false, deliveries }
    const now = await this.#store.get(keyOf(id))
    return now === undefined ? this.claim(id, []) : this.#takeOver(id, now)
  }

  #entry(id: string, claim: Claim) {
    return { key: keyOf(id), value: JSON.stringify(claim), expiresAt: this.#clock.now() + kept }
  }
}

function keyOf(id: string): string {
  return `once/${id}`
}
