import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readKeys, writeKeys } from '../stores/key-file.js'
import { StoreError } from '../stores/store.js'
import { isTermOver, type StoredKey, secretText } from '../stores/stored-key.js'
import type { Clock } from '../wechat/clock.js'
import { SingleFlight } from '../wechat/single-flight.js'
import { seal, unseal } from './seal.js'

const fileName = 'session-keys.json'

/** A key seals for so long, in ms; then the next one does. */
const term = 30 * 24 * 60 * 60 * 1000
/** How soon a failed rotation is tried again, in ms. */
const retryGap = 60_000

/** Its id, 4 characters of base64url, stands before what the key has sealed. */
type SessionKey = StoredKey

/** What happens to the keys; for the log. */
export type SessionKeysEvent =
  /** The file was broken: no session_key from before can be read. `where` it was put. */
  | { readonly type: 'session-keys-set-aside'; readonly where: string }
  /** No new key could be saved: the present one goes on. */
  | { readonly type: 'session-keys-failed'; readonly error: unknown }

export interface SessionKeysOptions {
  readonly clock: Clock
  /** In ms: what was sealed longer ago is not wanted any more. */
  readonly longestUse: number
  /**
   * Keys of 64 hex digits, newest first. The first one seals, in place of those in the file; the others, and those in the file,
   * still open what they sealed.
   */
  readonly given?: readonly string[] | undefined
  readonly onEvent: (event: SessionKeysEvent) => void
  /** Told each secret as it stands in the file. */
  readonly learn?: (secret: string) => void
}

/**
 * The keys that session_keys are enciphered with, in `session-keys.json` in the data folder (mode 0600): who has the store
 * without this file has no session_key. The file is made with the first login. A new key takes over each 30 days.
 */
export class SessionKeys {
  readonly #file: string
  readonly #options: SessionKeysOptions
  readonly #given: readonly SessionKey[]
  readonly #making = new SingleFlight<void>()
  /** Newest first. */
  #keys: readonly SessionKey[]
  #retryAt = Number.NEGATIVE_INFINITY

  private constructor(file: string, keys: readonly SessionKey[], options: SessionKeysOptions) {
    const { given = [], learn = () => undefined } = options
    this.#file = file
    this.#keys = keys
    this.#options = options
    this.#given = given.map(keyOf)
    for (const { secret } of keys) learn(secretText(secret))
    for (const hex of given) learn(hex)
  }

  /** Reads the keys of a data folder. @throws what the file system throws. */
  static async open(dataDir: string, options: SessionKeysOptions): Promise<SessionKeys> {
    const file = join(dataDir, fileName)
    const { keys, setAside } = await readKeys(file, options.clock)
    if (setAside !== undefined) options.onEvent({ type: 'session-keys-set-aside', where: setAside })
    return new SessionKeys(file, keys, options)
  }

  /** Makes the first key, unless there is one. @throws {StoreError} STORE_FAILED when it can't be saved. */
  async ready(): Promise<void> {
    await this.#newest()
  }

  /** Enciphers a text with the newest key. `about` must be the same when it is opened. @throws {StoreError} as `ready`. */
  async seal(text: string, about: string): Promise<string> {
    const { id, secret } = await this.#newest()
    return `${id}${seal(secret, text, about)}`
  }

  /** The text, or undefined if its key is gone or it was sealed about something else. */
  open(sealed: string, about: string): string | undefined {
    const id = sealed.slice(0, 4)
    for (const key of [...this.#given, ...this.#keys].filter((each) => each.id === id)) {
      const text = unseal(key.secret, sealed.slice(4), about)
      if (text !== undefined) return text
    }
    return undefined
  }

  /** Resolves when no file is being written. */
  idle(): Promise<void> {
    return this.#making.idle()
  }

  async #newest(): Promise<SessionKey> {
    const [given] = this.#given
    if (given !== undefined) return given
    const [newest] = this.#keys
    if (newest === undefined) {
      await this.#making.run(() => this.#make()).catch(notSaved)
      return this.#newest()
    }
    if (isTermOver(newest, term, this.#options.clock.now())) this.#makeInBackground()
    return newest
  }

  #makeInBackground(): void {
    const { clock, onEvent } = this.#options
    if (this.#making.running || clock.monotonic() < this.#retryAt) return
    this.#making
      .run(() => this.#make())
      .catch((error: unknown) => {
        this.#retryAt = clock.monotonic() + retryGap
        onEvent({ type: 'session-keys-failed', error })
      })
  }

  /** Saved first: what a key sealed that no file holds could not be opened after a restart. */
  async #make(): Promise<void> {
    const now = this.#options.clock.now()
    const key = { id: randomBytes(3).toString('base64url'), secret: randomBytes(32), created: now }
    this.#options.learn?.(secretText(key.secret))
    const keys = [key, ...this.#keys.filter((_key, index) => this.#isWanted(index, now))]
    await writeKeys(this.#file, keys)
    this.#keys = keys
  }

  /** A key has sealed nothing since its successor was made. */
  #isWanted(index: number, now: number): boolean {
    const successor = this.#keys[index - 1]
    return successor === undefined || now - successor.created < this.#options.longestUse
  }
}

function notSaved(error: unknown): never {
  throw new StoreError('STORE_FAILED', 'the first session key could not be saved', error)
}

function keyOf(hex: string): SessionKey {
  const id = createHash('sha256').update(hex.toLowerCase()).digest('base64url').slice(0, 4)
  return { id, secret: Buffer.from(hex, 'hex'), created: 0 }
}
