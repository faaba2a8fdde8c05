import { randomBytes } from 'node:crypto'

/**
 * Something to be sent later, and again until it is sent:
 * - `copy`: a message for an observer;
 * - `ask`: a message whose back end has been asked, and whose reply is due by the customer-service API: should this process
 *   end before, the back end is asked again;
 * - `reply`: a reply to be sent by the customer-service API.
 */
export interface Job {
  /** 1 to 64 letters, digits, `-` and `_`. */
  readonly id: string
  readonly kind: 'copy' | 'ask' | 'reply'
  readonly appID: string
  /** Which back end: its `to`. Of a `reply`: the openid that it is for. */
  readonly to: string
  /** The message as WeChat wrote it. Of a `reply`: the XML of a passive reply. */
  readonly text: string
  /** The identity of the message. */
  readonly about: string
  /** When it was accepted, in ms since the epoch. */
  readonly accepted: number
  /** How often it was tried. */
  readonly attempts: number
  /** Why the last try failed. */
  readonly error?: string
  /** Of a `reply`: it waits for WeChat's retry, and is sent only if none has been given it. */
  readonly kept?: true
}

/** In the order of their times. `now` in ms since the epoch. */
export function newJobId(now: number): string {
  return `${String(Math.floor(now)).padStart(13, '0')}-${randomBytes(9).toString('base64url')}`
}
