import type { Clock } from './clock.js'
import type { Issued } from './issued.js'
import type { Stored } from './record.js'

/** Where a credential came from when it was given out. */
export type Source = 'memory' | 'store' | 'wechat'

/** A credential as it is given out: value and end belong together. */
export interface Held {
  readonly value: string
  /** The moment of death by the wall clock, in ms since the epoch. */
  readonly expiresAt: number
  /** The same moment by the monotonic clock, in ms. */
  readonly endsAt: number
  readonly from: Source
}

/** What a credential keeps in memory. */
export interface Current extends Held {
  /** How long it lived from its fetch on, in ms; unknown if another program stored it. */
  readonly lifetime: number | undefined
  readonly version: number
  readonly issued?: Issued | undefined
  /** Whether WeChat has refused it: it is never given out again. */
  readonly rejected: boolean
}

/** Milliseconds to live. The wall clock may have been set, the monotonic one may have slept: the lesser one counts. */
export function leftOf(held: Held, clock: Clock): number {
  return Math.min(held.expiresAt - clock.now(), held.endsAt - clock.monotonic())
}

/** Whole seconds to live, as a back end is told them in `expires_in`; never less than 0. */
export function secondsLeft(held: Held, clock: Clock): number {
  return Math.max(0, Math.floor(leftOf(held, clock) / 1000))
}

export function currentFromStore(stored: Stored, clock: Clock): Current {
  const endsAt = clock.monotonic() + (stored.expiresAt - clock.now())
  return { ...stored, endsAt, from: 'store', rejected: false }
}

/** What of a current value is given out, immutable. */
export function asHeld({ value, expiresAt, endsAt }: Held, from: Source): Held {
  return Object.freeze({ value, expiresAt, endsAt, from })
}
