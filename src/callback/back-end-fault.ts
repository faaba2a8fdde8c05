import { errorCode } from '../error-code.js'

/**
 * What was wrong with a back end:
 * - `timeout`: it took longer than the route's `timeout`;
 * - `unreachable`: no connection could be had;
 * - `reset`: it broke the connection off;
 * - `status`: its status was not 2xx;
 * - `too-long`: its answer has more than 256 KiB;
 * - `rubbish`: its answer is no reply;
 * - `busy`: 1,000 messages wait for it already;
 * - `failed`: the handler in this process threw;
 * - `ended`: nothing; the hub itself is ending.
 */
export type FaultKind =
  | 'timeout'
  | 'unreachable'
  | 'reset'
  | 'status'
  | 'too-long'
  | 'rubbish'
  | 'busy'
  | 'failed'
  | 'ended'

const sentences: Readonly<Record<FaultKind, string>> = {
  timeout: 'the back end took too long',
  unreachable: 'the back end could not be reached',
  reset: 'the back end broke off the connection',
  status: 'the back end answered an error',
  'too-long': 'the back end answered more than 256 KiB',
  rubbish: 'the back end answered something that is no reply',
  busy: 'too many messages wait for the back end',
  failed: 'the handler failed',
  ended: 'the hub is ending',
}

export interface FaultDetails {
  readonly status?: number
  /** More of what was wrong, in words. */
  readonly because?: string
  readonly cause?: unknown
}

export class BackEndFault extends Error {
  override readonly name = 'BackEndFault'
  readonly kind: FaultKind
  readonly status: number | undefined

  constructor(kind: FaultKind, { status, because, cause }: FaultDetails = {}) {
    const more = because ?? (status === undefined ? (errorCode(cause) ?? '') : `HTTP status ${status}`)
    super(`${sentences[kind]}${more === '' ? '' : ` (${more})`}`, cause === undefined ? undefined : { cause })
    this.kind = kind
    this.status = status
  }
}
