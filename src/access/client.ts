import { timingSafeEqual } from 'node:crypto'
import type { Scope } from '../http/route.js'
import { hashKey, isWellFormed } from './key.js'

/** A back end that may use the hub. */
export interface Client {
  readonly name: string
  /** SHA-256 of its keys, 64 hex digits each: one, or two while a key is being replaced. Of stored clients newest first. */
  readonly keyHashes: readonly string[]
  /** Names of accounts, or only `*`: all of them. */
  readonly accounts: readonly string[]
  readonly scopes: readonly Scope[]
}

/** The client that `WECHAT_HUB_KEY` makes. */
export const hubClient = 'hub'

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

/** The clients of the configuration and of the environment: those that only a restart changes. */
export function fixedClients({ configured = {}, key }: ClientSources): Client[] {
  const clients: Client[] = Object.entries(configured).map(([name, { keyHash, accounts, scopes }]) => {
    return { name, keyHashes: keyHash.map((hash) => hash.toLowerCase()), accounts, scopes }
  })
  if (key !== undefined) {
    clients.push({ name: hubClient, keyHashes: [hashKey(key)], accounts: ['*'], scopes: ['admin'] })
  }
  return clients
}

/** Every client of the hub, found by its key. Where two sources know one name or one key, the configuration's word counts. */
export class Clients {
  readonly #fixed: readonly Client[]
  readonly #learn: (key: string) => void
  #byHash: ReadonlyMap<string, { client: Client; hash: Buffer }> = new Map()
  #byName: ReadonlyMap<string, Client> = new Map()
  /**
   * Keys that were found right: no more than there are hashes. They spare the next request of their client the hashing. A
   * wrong key is never compared with one of these byte by byte: the table looks it up by a seeded hash of its own.
   */
  readonly #seen = new Map<string, Client>()

  constructor(sources: ClientSources) {
    this.#learn = sources.learn ?? (() => undefined)
    this.#fixed = fixedClients(sources)
    this.replaceStored(sources.stored ?? [])
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

  get all(): Iterable<Client> {
    return this.#byName.values()
  }

  byName(name: string): Client | undefined {
    return this.#byName.get(name)
  }

  /** Puts these in the place of all stored ones. A key that none of them has is dead from here on. */
  replaceStored(stored: readonly Client[]): void {
    const fixed = new Set(this.#fixed.map(({ name }) => name))
    const clients = [...stored.filter(({ name }) => !fixed.has(name)), ...this.#fixed]
    this.#byName = new Map(clients.map((client) => [client.name, client]))
    this.#byHash = new Map(
      clients.flatMap((client) => client.keyHashes.map((hash) => [hash, { client, hash: Buffer.from(hash) }] as const)),
    )
    this.#seen.clear()
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
}
