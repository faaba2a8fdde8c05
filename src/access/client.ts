import { timingSafeEqual } from 'node:crypto'
import type { Scope } from '../http/route.js'
import { hashKey, isWellFormed } from './key.js'

/** A back end that may use the hub. */
export interface Client {
  readonly name: string
  /** SHA-256 of its keys, 64 hex digits each: one, or two while a key is being replaced. */
  readonly keyHashes: readonly string[]
  /** Names of accounts, or only `*`: all of them. */
  readonly accounts: readonly string[]
  readonly scopes: readonly Scope[]
}

export interface ClientSources {
  /** The configuration's `clients`, by name. */
  readonly configured?: Readonly<
    Record<string, { keyHash: readonly string[]; accounts: readonly string[]; scopes: readonly Scope[] }>
  >
  /** `WECHAT_HUB_KEY`: the key of a client named `hub` that may do everything. */
  readonly key?: string | undefined
  /** Those of `clients.json` in the data folder. */
  readonly stored?: readonly Client[]
  /** Told each key that is found right: so far only its hash was known. */
  readonly learn?: (key: string) => void
}

/** Every client of the hub, found by its key. Where two sources know one key, the configuration's word counts. */
export class Clients {
  readonly #byHash = new Map<string, { client: Client; hash: Buffer }>()
  /**
   * Keys that were found right: no more than there are hashes. They spare the next request of their client the hashing. A
   * wrong key is never compared with one of these byte by byte: the table looks it up by a seeded hash of its own.
   */
  readonly #seen = new Map<string, Client>()

  readonly #learn: (key: string) => void

  constructor(sources: ClientSources) {
    this.#learn = sources.learn ?? (() => undefined)
    for (const client of sources.stored ?? []) this.#add(client)
    for (const [name, settings] of Object.entries(sources.configured ?? {})) {
      this.#add({ name, keyHashes: settings.keyHash, accounts: settings.accounts, scopes: settings.scopes })
    }
    if (sources.key !== undefined) {
      this.#add({ name: 'hub', keyHashes: [hashKey(sources.key)], accounts: ['*'], scopes: ['admin'] })
    }
  }

  /** How many keys open the hub. */
  get size(): number {
    return this.#byHash.size
  }

  /**
   * The client that holds this key. A key not seen before is looked up by its hash, so that neither the time of the
   * look-up nor that of the comparison tells anything of a key.
   */
  byKey(key: string): Client | undefined {
    return this.#seen.get(key) ?? this.#look(key)
  }

  #look(key: string): Client | undefined {
    if (!isWellFormed(key)) return undefined
    const hash = hashKey(key)
    const found = this.#byHash.get(hash)
    if (found === undefined || !timingSafeEqual(found.hash, Buffer.from(hash))) return undefined
    this.#learn(key)
    this.#seen.set(key, found.client)
    return found.client
  }

  #add(client: Client): void {
    for (const keyHash of client.keyHashes) {
      const hash = keyHash.toLowerCase()
      this.#byHash.set(hash, { client, hash: Buffer.from(hash) })
    }
  }
}
