import type { Storage } from '../wechat/storage.js'

/** Where the credentials of all accounts live. */
export interface CredentialStore {
  /** One account's records. `appID`: 1 to 64 letters, digits, `_` and `-`. */
  account(appID: string): Storage
}

/** One record of a KeyValueStore. Key and value are any Unicode text (no lone surrogates), the value up to 1 MiB. */
export interface Entry {
  readonly key: string
  readonly value: string
  /** In ms since the epoch, an integer: the record is gone from then on. Default: it stays. */
  readonly expiresAt?: number
}

export type Change = { readonly put: Entry } | { readonly remove: string }

export interface KeyRange {
  readonly prefix: string
  /** A key; the range begins behind it. Default: with the first key that has the prefix. */
  readonly after?: string
  /** How many records at most. */
  readonly limit: number
}

/**
 * Records that belong to the whole hub: ordered by key, each with an end of its own. What was answered outlives the
 * process, though not a loss of power in the same instant. Of several changes of one key in a call the last one counts.
 *
 * All methods reject with a StoreError when the store cannot do it, and with a TypeError when they are asked wrongly.
 */
export interface KeyValueStore {
  get(key: string): Promise<string | undefined>
  /** All of the changes or none. */
  write(changes: readonly Change[]): Promise<void>
  /**
   * Stores `entry`, and makes `also` with it, unless there is a living record at its key: one atomic step. Answers
   * undefined if it was stored, else the value that is there.
   */
  putIfAbsent(entry: Entry, also?: readonly Change[]): Promise<string | undefined>
  /** Makes the changes only if the value at `key` is `expected`: one atomic step. Answers whether it was. */
  replace(key: string, expected: string, changes: readonly Change[]): Promise<boolean>
  /** The living records of the range in the order of their keys (of their UTF-8 bytes). */
  list(range: KeyRange): Promise<Entry[]>
  /** Resolves when what is under way is done. Whatever is asked after it is refused. */
  close(): Promise<void>
}

/** Stable names of what can go wrong, for `switch (error.code)`. */
export type StoreErrorCode = 'STORE_FAILED' | 'STORE_DAMAGED' | 'STORE_CLOSED' | 'STORE_IN_USE'

/** A KeyValueStore could not do what it was asked. The message holds no key and no value. */
export class StoreError extends Error {
  override readonly name: string = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
