import type { Deadline } from './api.js'
import type { Clock } from './clock.js'
import type { CredentialHappening, CredentialName } from './credential-event.js'
import type { WechatError } from './errors.js'
import type { Issued } from './issued.js'
import type { Storage } from './storage.js'

/** What a fetch is told. */
export interface FetchContext {
  /** Whether this replaces a value before its time, because WeChat refuses it. */
  readonly forced: boolean
  /** The value that WeChat refuses. */
  readonly rejected: string | undefined
  /** The access_token for it, if it needs one. */
  readonly accessToken: string | undefined
  /** After it no call may reach WeChat: another process may be at it. */
  readonly deadline: Deadline
}

export interface Fetched {
  readonly value: string
  /** Seconds to live, as WeChat told. */
  readonly expiresIn: number
  /** Told where the source is `exclusive`, if WeChat tells the time. */
  readonly issued?: Issued | undefined
}

/** Where a credential's values come from, and what one of them does to the others. */
export interface CredentialSource {
  /** The field that holds the value in WeChat's answer, and in the record. */
  readonly field: 'access_token' | 'ticket'
  fetch(context: FetchContext): Promise<Fetched>
  /**
   * For a fetch that needs the access_token: does the work with it, and once more with another one when WeChat refuses it.
   * Called without the lock, which the access_token might need for itself: some storages have one for all names.
   */
  withToken?<T>(work: (accessToken: string) => Promise<T>): Promise<T>
  /** Asks WeChat whether it still takes the value. Throws if that can't be told. */
  probe(value: string): Promise<boolean>
  /** Whether a fetch ends the previous value, so that of two values that were fetched at once only the newer one lives. */
  readonly exclusive: boolean
}

export interface CredentialOptions extends CredentialSource {
  /** Also the record's name in the storage. */
  readonly name: CredentialName
  readonly storage: Storage
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
  readonly observe: (event: CredentialHappening) => void
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
