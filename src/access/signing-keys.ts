import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Turns } from '../stores/level-turns.js'
import type { FoundText, StoredText } from '../stores/store.js'
import { isTermOver, keysIn, type StoredKey, secretText, textOfKeys } from '../stores/stored-key.js'
import { TextWatch } from '../stores/text-watch.js'
import type { Clock } from '../wechat/clock.js'

/** A key signs for so long, in ms; then the next one does. */
const term = 24 * 60 * 60 * 1000
/** So long after its term a key still proves what it has signed, in ms: longer than a hub token lives. */
const overlap = 3 * 60 * 60 * 1000
/** So long after it was made a new key does not sign yet, in ms: the other processes look for it each half second. */
const settling = 2000
/** How soon a failed rotation is tried again, in ms. */
const retryGap = 60_000
/** How often a change is begun, if others have changed the keys meanwhile. They make the same change: the second look finds it. */
const mostTries = 10

/** A secret that hub tokens are signed with. Its id, 8 characters of base64url, stands in the token. */
export type SigningKey = StoredKey

interface HeldKey extends SigningKey {
  /** From then on it may sign, by the monotonic clock. */
  readonly signsFrom: number
}

interface FoundKeys {
  readonly keys: readonly StoredKey[]
  readonly identity: string
}

/** What happens to the keys; for the log. */
export type SigningKeysEvent =
  /** What was stored was broken: hub tokens whose keys no process holds any more are dead. `where` it was put. */
  | { readonly type: 'set-aside'; readonly where: string }
  | { readonly type: 'rotation-failed'; readonly error: unknown }
  /** Told once: what other processes do is not known for now. The keys that are known go on. */
  | { readonly type: 'unusable'; readonly error: unknown }

export interface SigningKeysOptions {
  readonly clock: Clock
  readonly onEvent: (event: SigningKeysEvent) => void
  /** Told each secret as it is stored. */
  readonly learn?: (secret: string) => void
}

/** The file in the data folder that holds the keys. */
export function signingKeysFile(dataDir: string): string {
  return join(dataDir, 'hub-token-keys.json')
}

/**
 * The keys that hub tokens are signed with, one row for all processes that share the text in which they are stored. A new one
 * takes over each day, 2 s after one of the processes has made it, when all know it; the one before proves its tokens for
 * three hours more. Where the text was lost, or begun anew, whoever still knows a key that proves anything puts it back.
 */
export class SigningKeys {
  readonly #text: StoredText
  readonly #clock: Clock
  readonly #onEvent: SigningKeysOptions['onEvent']
  readonly #learn: (secret: string) => void
  readonly #watch: TextWatch<FoundKeys>
  readonly #turns = new Turns()
  /** Newest first. */
  #keys: readonly HeldKey[] = []
  #rotating: Promise<void> | undefined
  #retryAt = Number.NEGATIVE_INFINITY

  private constructor(text: StoredText, { clock, onEvent, learn = () => undefined }: SigningKeysOptions) {
    this.#text = text
    this.#clock = clock
    this.#onEvent = onEvent
    this.#learn = learn
    this.#watch = new TextWatch({
      ...{ text, clock },
      // Not while a key is being made: what was read before that would be taken up after it.
      read: () => this.#inTurn(() => this.#look()),
      // They were taken up when they were read.
      changed: () => undefined,
      failed: (error) => onEvent({ type: 'unusable', error }),
    })
  }

  /** Reads the keys, or makes the first one. @throws what the store throws. */
  static async open(text: StoredText, options: SigningKeysOptions): Promise<SigningKeys> {
    const keys = new SigningKeys(text, options)
    try {
      await keys.#inTurn(() => keys.#begin())
      return keys
    } catch (error) {
      await keys.close()
      throw error
    }
  }

  /** The key to sign with. */
  get current(): SigningKey {
    const [newest] = this.#keys
    if (newest === undefined) throw new Error('there is no signing key')
    if (isTermOver(newest, term, this.#clock.now())) this.#rotateInBackground()
    const living = this.#living(this.#keys)
    return living.find(({ signsFrom }) => signsFrom <= this.#clock.monotonic()) ?? living.at(-1) ?? newest
  }

  /** The key of this id, while it proves anything. */
  find(id: string): SigningKey | undefined {
    return this.#living(this.#keys).find((key) => key.id === id)
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#rotating
  }

  /** Ends the watch for what other processes make. Resolves when nothing is read or written any more. */
  async close(): Promise<void> {
    await this.#watch.close()
    await this.idle()
  }

  /** A key is alive until the overlap after its successor's beginning is over. */
  #living<Key extends StoredKey>(keys: readonly Key[]): readonly Key[] {
    const now = this.#clock.now()
    return keys.filter((_key, index) => {
      const successor = keys[index - 1]
      return successor === undefined || now - successor.created < overlap
    })
  }

  async #begin(): Promise<void> {
    const found = await this.#stored()
    if (found === undefined) return this.#rotate()
    const now = this.#clock.now()
    // One that has been there for long is known to all.
    this.#takeUp(found.keys, ({ created }) => (now - created >= settling ? 0 : settling))
  }

  #rotateInBackground(): void {
    if (this.#rotating !== undefined || this.#clock.monotonic() < this.#retryAt) return
    this.#rotating = this.#inTurn(() => this.#rotate())
      .catch((error: unknown) => {
        this.#retryAt = this.#clock.monotonic() + retryGap
        this.#onEvent({ type: 'rotation-failed', error })
      })
      .finally(() => {
        this.#rotating = undefined
      })
  }

  /** A new key, of this process or of another that was first. Saved first: a token of a key that is not would die with the process. */
  async #rotate(): Promise<void> {
    for (let tries = 0; tries < mostTries; tries += 1) {
      const found = await this.#stored()
      const known = this.#withOwn(found?.keys ?? [])
      const [newest] = known
      const now = this.#clock.now()
      if (found !== undefined && newest !== undefined && !isTermOver(newest, term, now)) {
        this.#takeUp(known)
        return
      }
      const key = { id: randomBytes(6).toString('base64url'), secret: randomBytes(32), created: now }
      const keys = [key, ...this.#living(known)]
      this.#learn(secretText(key.secret))
      if (await this.#text.write(textOfKeys(keys), found?.identity)) {
        this.#takeUp(keys)
        return
      }
    }
    throw this.#disturbed()
  }

  /** What is stored. What is broken is set aside: nothing is stored then. */
  async #stored(): Promise<FoundKeys | undefined> {
    const found = await this.#text.read()
    if (found === undefined) return undefined
    const keys = keysIn(found.text)
    if (keys !== undefined) return { keys, identity: found.identity }
    // Another process may have set it aside by now, and stored what is not broken.
    if ((await this.#text.identity()) === found.identity) await this.#setAside(found)
    return this.#stored()
  }

  async #setAside({ identity }: FoundText): Promise<void> {
    try {
      this.#onEvent({ type: 'set-aside', where: await this.#text.setAside() })
    } catch (error) {
      // Unless another process has done it in the same instant.
      if ((await this.#text.identity()) === identity) throw error
    }
  }

  /** Goes on with what is stored and what is known here, and stores what of that is not. */
  async #look(): Promise<FoundKeys | undefined> {
    for (let tries = 0; tries < mostTries; tries += 1) {
      const found = await this.#text.read()
      const stored = found === undefined ? [] : keysIn(found.text)
      if (stored === undefined) throw new Error(`${this.#text.where}: it is broken`)
      const keys = this.#withOwn(stored)
      // Before they are stored, which may fail: what others sign with counts all the same.
      this.#takeUp(keys)
      if (keys === stored) return found && { keys, identity: found.identity }
      await this.#text.write(textOfKeys(keys), found?.identity)
    }
    throw this.#disturbed()
  }

  /** These keys, and what is known here beside them and proves something yet: they were lost, and others began anew. Newest first. */
  #withOwn(stored: readonly StoredKey[]): readonly StoredKey[] {
    const lost = this.#living(this.#keys).filter(({ id }) => !stored.some((key) => key.id === id))
    const living = this.#living([...stored, ...lost].toSorted((one, other) => other.created - one.created))
    return lost.some((key) => living.includes(key)) ? living : stored
  }

  /** Goes on with these keys. One that is new here signs so many ms from now. */
  #takeUp(keys: readonly StoredKey[], signsIn: (key: StoredKey) => number = () => settling): void {
    const now = this.#clock.monotonic()
    const before = this.#keys
    this.#keys = keys.map((key) => {
      const known = before.find(({ id, secret }) => id === key.id && secret.equals(key.secret))
      if (known !== undefined) return known
      this.#learn(secretText(key.secret))
      return { ...key, signsFrom: now + signsIn(key) }
    })
  }

  #disturbed(): Error {
    return new Error(`${this.#text.where}: others change it again and again`)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.run(['keys'], work)
  }
}
