import { createHmac, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../wechat/clock.js'
import type { Client, Clients } from './client.js'
import { hashKey } from './key.js'
import type { SigningKey, SigningKeys } from './signing-keys.js'

const prefix = 'wht_'

/** What every holder is told, in seconds: the margins of SDKs run up to 1,500 s, so a shorter life breaks some. */
export const hubTokenLifetime = 7200

/** So much longer a token lives than was told, in s: as WeChat's own live on after a refresh, for those without a margin. */
const grace = 300

/** A client that asks again within this time, in ms, gets the same token: its grace makes up for it. */
const remade = 60_000

/** Tokens that are remembered. */
const mostRemembered = 10_000

/** What a hub token says. */
export interface HubTokenHolder {
  readonly client: Client
  readonly appID: string
}

interface Proven extends HubTokenHolder {
  readonly keyId: string
  /** In ms since the epoch. */
  readonly expires: number
}

interface Made {
  readonly client: Client
  readonly key: SigningKey
  readonly at: number
  readonly token: string
}

/**
 * Tokens that stand in for WeChat's access_token at this hub only: `wht_`, the id of the signing key, the client's name
 * (base64url), the appID, the end (seconds, base 36), and an HMAC-SHA256, parted by dots; at most 512 characters [STABLE].
 * The HMAC takes in the hash of the client key that it was made with, which the token does not show: without that key, or
 * that client, it is dead.
 */
export class HubTokens {
  readonly #keys: Pick<SigningKeys, 'current' | 'find'>
  readonly #clients: Pick<Clients, 'byName'>
  readonly #clock: Clock
  readonly #proven = new LRUCache<string, Proven>({ max: mostRemembered })
  readonly #made = new LRUCache<string, Made>({ max: mostRemembered })

  constructor(options: {
    keys: Pick<SigningKeys, 'current' | 'find'>
    clients: Pick<Clients, 'byName'>
    clock: Clock
  }) {
    this.#keys = options.keys
    this.#clients = options.clients
    this.#clock = options.clock
  }

  /** Whether this can be a hub token at all, dead or alive. */
  static isOne(text: string): boolean {
    return text.startsWith(prefix)
  }

  /** A token for a client that has shown this key of its own, and one account: that of the last minute, or a new one. */
  make(client: Client, clientKey: string, appID: string): string {
    // As in the table of clients, a key that is known to be right is looked up as it is: to hash it costs more than all else.
    const name = `${clientKey}\n${appID}`
    const made = this.#made.get(name)
    const key = this.#keys.current
    const now = this.#clock.now()
    if (made?.client === client && made.key === key && now >= made.at && now - made.at < remade) return made.token
    const token = this.#make(client, key, hashKey(clientKey), appID)
    this.#made.set(name, { client, key, at: now, token })
    return token
  }

  #make(client: Client, key: SigningKey, keyHash: string, appID: string): string {
    const expires = Math.floor(this.#clock.now() / 1000) + hubTokenLifetime + grace
    const name = Buffer.from(client.name).toString('base64url')
    const claims = `${key.id}.${name}.${appID}.${expires.toString(36)}`
    return `${prefix}${claims}.${sign(key, claims, keyHash)}`
  }

  /** Who holds this token: nobody once it has expired, or its client or its key is revoked. */
  read(token: string): HubTokenHolder | undefined {
    const known = this.#proven.get(token)
    if (known !== undefined && this.#holds(known)) return known
    const proven = token.length > 512 ? undefined : this.#prove(token)
    if (proven === undefined || !this.#holds(proven)) return undefined
    this.#proven.set(token, proven)
    return proven
  }

  #prove(token: string): Proven | undefined {
    const [, keyId, name, appID, end, mac] =
      /^wht_([A-Za-z0-9_-]{8})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([a-z0-9]{1,10})\.([A-Za-z0-9_-]{43})$/.exec(
        token,
      ) ?? []
    if (keyId === undefined || name === undefined || appID === undefined || end === undefined || mac === undefined)
      return
    const key = this.#keys.find(keyId)
    const client = this.#clients.byName(Buffer.from(name, 'base64url').toString())
    if (key === undefined || client === undefined) return undefined
    const claims = `${keyId}.${name}.${appID}.${end}`
    const given = Buffer.from(mac)
    const right = client.keyHashes.some((hash) => timingSafeEqual(Buffer.from(sign(key, claims, hash)), given))
    return right ? { client, appID, keyId, expires: Number.parseInt(end, 36) * 1000 } : undefined
  }

  /** What may change after the proof. */
  #holds({ client, keyId, expires }: Proven): boolean {
    // A changed client is another object.
    if (this.#clock.now() >= expires || this.#clients.byName(client.name) !== client) return false
    return this.#keys.find(keyId) !== undefined
  }
}

function sign(key: SigningKey, claims: string, keyHash: string): string {
  return createHmac('sha256', key.secret).update(`${claims}\n${keyHash}`).digest('base64url')
}
