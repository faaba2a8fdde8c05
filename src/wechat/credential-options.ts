import type { Clock } from './clock.js'
import type { CredentialEvent } from './credential-event.js'
import type { WechatError } from './errors.js'
import type { Storage } from './storage.js'

/** What a fetch is told. */
export interface FetchContext {
  /** Whether this replaces a value before its time, because WeChat refuses it. */
  readonly forced: boolean
  /** The value that WeChat refuses. */
  readonly rejected: string | undefined
  /** In ms: how long the fetch may take in all. */
  readonly timeout: number
}

export interface Fetched {
  readonly value: string
  /** Seconds to live, as WeChat told. */
  readonly expiresIn: number
}

export interface CredentialOptions {
  /** The record's name in the storage, such as `access_token`. */
  readonly name: string
  /** The field of the record that holds the value. */
  readonly field: string
  readonly storage: Storage
  fetch(context: FetchContext): Promise<Fetched>
  /** Asks WeChat whether it still takes the value. Throws if that can't be told. */
  probe(value: string): Promise<boolean>
  /** Whether a fetch ends the previous value, so that a process that was overtaken must fetch once more. */
  readonly exclusive: boolean
  /** In ms: a value with this long to live, or less, is not given out. */
  readonly expiryMargin: number
  /** In ms: from this long before its end on it is refreshed in the background. 0: only at `expiryMargin`. */
  readonly refreshAhead: number
  /** In ms: how long one fetch may take. */
  readonly timeout: number
  readonly clock: Clock
  /** Gives numbers from 0 up to, not including, 1. */
  readonly random: () => number
  /** Told each value before it is used, so that no log can show it. */
  readonly learn: (value: string) => void
  readonly observe: (event: CredentialEvent) => void
}

/** What is known of a credential without asking anybody: for health and metrics. */
export interface CredentialState {
  /** Whether anybody has asked for it yet. */
  readonly asked: boolean
  /** 0: there is none, it is dead, or WeChat refused it. */
  readonly secondsLeft: number
  /** Why the last refresh failed, if none has succeeded since. */
  readonly failure: WechatError | undefined
  /** Whether WeChat is being asked right now. */
  readonly refreshing: boolean
}
