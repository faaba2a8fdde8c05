import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { isTermOver, readKeys, type StoredKey, secretText, writeKeys } from '../stores/key-file.js'
import type { Clock } from '../wechat/clock.js'

const fileName = 'hub-token-keys.json'

/** A key signs for so long, in ms; then the next one does. */
const term = 24 * 60 * 60 * 1000
/** So long after its term a key still proves what it has signed, in ms: longer than a hub token lives. */
const overlap = 3 * 60 * 60 * 1000
/** How soon a failed rotation is tried again, in ms. */
const retryGap = 60_000

/** A secret that hub tokens are signed with. Its id, 8 characters of base64url, stands in the token. */
export type SigningKey = StoredKey

/** What happens to the keys; for the log. */
export type SigningKeysEvent =
  /** The file was broken: all hub tokens from before are dead. `where` it was put. */
  { readonly type: 'set-aside'; readonly where: string } | { readonly type: 'rotation-failed'; readonly error: unknown }

export interface SigningKeysOptions {
  readonly clock: Clock
  readonly onEvent: (event: SigningKeysEvent) => void
  /** Told each secret as it stands in the file. */
  readonly learn?: (secret: string) => void
}

/**
 * The keys that hub tokens are signed with, kept in `hub-token-keys.json` in the data folder (mode 0600). A new one takes over
 * each day; the one before proves its tokens for three hours more.
 */
export class SigningKeys {
  readonly #file: string
  readonly #clock: Clock
  readonly #onEvent: SigningKeysOptions['onEvent']
  readonly #learn: (secret: string) => void
  /** Newest first. */
  #keys: readonly SigningKey[]
  #rotating: Promise<void> | undefined
  #retryAt = Number.NEGATIVE_INFINITY

  private constructor(file: string, keys: readonly SigningKey[], options: SigningKeysOptions) {
    const { clock, onEvent, learn = () => undefined } = options
    this.#file = file
    this.#keys = keys
    this.#clock = clock
    this.#onEvent = onEvent
    this.#learn = learn
    for (const { secret } of keys) learn(secretText(secret))
  }

  /** Reads the keys of a data folder that is there, or makes the first one. @throws what the file system throws. */
  static async open(dataDir: string, options: SigningKeysOptions): Promise<SigningKeys> {
    const file = join(dataDir, fileName)
    const { keys: stored, setAside } = await readKeys(file, options.clock)
    if (setAside !== undefined) options.onEvent({ type: 'set-aside', where: setAside })
    const keys = new SigningKeys(file, stored, options)
    if (keys.#keys.length === 0) await keys.#rotate()
    return keys
  }

  /** The key to sign with. */
  get current(): SigningKey {
    const [newest] = this.#keys
    if (newest === undefined) throw new Error('there is no signing key')
    if (isTermOver(newest, term, this.#clock.now())) this.#rotateInBackground()
    return newest
  }

  /** The key of this id, while it proves anything. */
  find(id: string): SigningKey | undefined {
    return this.#living().find((key) => key.id === id)
  }

  /** Resolves when no file is being written. */
  async idle(): Promise<void> {
    await this.#rotating
  }

  /** A key is alive until the overlap after its successor's beginning is over. */
  #living(): readonly SigningKey[] {
    const now = this.#clock.now()
    return this.#keys.filter((_key, index) => {
      const successor = this.#keys[index - 1]
      return successor === undefined || now - successor.created < overlap
    })
  }

  #rotateInBackground(): void {
    if (this.#rotating !== undefined || this.#clock.monotonic() < this.#retryAt) return
    this.#rotating = this.#rotate()
      .catch((error: unknown) => {
        this.#retryAt = this.#clock.monotonic() + retryGap
        this.#onEvent({ type: 'rotation-failed', error })
      })
      .finally(() => {
        this.#rotating = undefined
      })
  }

  /** Saved first: a token of a key that no file holds would die with the process. */
  async #rotate(): Promise<void> {
    const key = { id: randomBytes(6).toString('base64url'), secret: randomBytes(32), created: this.#clock.now() }
    const keys = [key, ...this.#living()]
    this.#learn(secretText(key.secret))
    await writeKeys(this.#file, keys)
    this.#keys = keys
  }
}
