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

/** The processes that share a store. */
export interface Peers {
  /** The name of this process. No other one ever has it. */
  readonly self: string
  /** Whether the process of this name has shown within the last seconds that it lives. Rejects with a StoreError. */
  isAlive(name: string): Promise<boolean>
}

/**
 * Records that belong to the whole hub: ordered by key, each with an end of its own. What was answered outlives the
 * process, though not a loss of power in the same instant. Of several changes of one key in a call the last one counts.
 *
 * A key is `<kind>/<appID>/<rest>`. All that is asked in one call is about one account: a cluster of stores keeps each
 * account's records in one place.
 *
 * All methods reject with a StoreError when the store cannot do it, and with a TypeError when they are asked wrongly.
 */
export interface KeyValueStore {
  /** Those who use it at the same time. Undefined: it belongs to this process alone. */
  readonly peers?: Peers | undefined
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
  /** How many living records have keys that begin with `prefix`. */
  count(prefix: string): Promise<number>
  /** Resolves when what is under way is done. Whatever is asked after it is refused. */
  close(): Promise<void>
}

/** A text as it was found. `identity` tells it from what is there before and after it. */
export interface FoundText {
  readonly text: string
  readonly identity: string
}

/** One small text that several processes read and change: the clients, the keys of hub tokens. */
export interface StoredText {
  /** Where it is, for people. */
  readonly where: string
  /** The present text; undefined if there is none. */
  read(): Promise<FoundText | undefined>
  /** The identity of the present text, cheaper than the text; undefined if there is none. */
  identity(): Promise<string | undefined>
  /** Stores `text`, unless what is there is not `expected` (undefined: nothing) any more: one atomic step. Answers whether it did. */
  write(text: string, expected: string | undefined): Promise<boolean>
  /** Moves what cannot be understood out of the way, keeping it. Answers where it went. */
  setAside(): Promise<string>
}

/** Counts that several processes share, each for a time that begins with its first one. */
export interface SharedCounts {
  /** Adds to the count of this name, which begins anew after `ms`. Answers the count, and in how many ms it ends. */
  add(name: string, count: number, ms: number): Promise<{ count: number; endsIn: number }>
}

/** Stable names of what can go wrong, for `switch (error.code)`. `STORE_AWAY`: it does not answer at present; nothing of it is lost. */
export type StoreErrorCode =
  | 'STORE_FAILED'
  | 'STORE_AWAY'
  | 'STORE_DAMAGED'
  | 'STORE_CLOSED'
  | 'STORE_IN_USE'
  | 'STORE_MOVED'

/** A KeyValueStore could not do what it was asked. The message holds no key and no value. */
export class StoreError extends Error {
  override readonly name: string = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** Whether the store did not answer. */
export function isAway(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'STORE_AWAY'
}
