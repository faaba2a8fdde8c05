import { errcodes, type Kind } from './errcodes.js'

/** Stable names of what can go wrong, for `switch (error.code)`. */
export type WechatErrorCode =
  | 'ERRCODE'
  | 'UPSTREAM_UNREACHABLE'
  | 'UPSTREAM_TIMEOUT'
  | 'UPSTREAM_GARBAGE'
  | 'BUDGET_SPENT'
  | 'LOCK_BUSY'
  | 'STORE_FAILED'
  | 'STORE_AWAY'
  | 'UNAVAILABLE'

export interface WechatErrorDetails {
  readonly kind: Kind
  /** WeChat's errcode; -1 where WeChat said nothing. */
  readonly errcode?: number
  /** What a person can do about it. */
  readonly hint?: string | undefined
  /** Seconds after which another try can succeed. */
  readonly retryAfter?: number | undefined
  readonly cause?: unknown
}

/** Base of all errors of this package's WeChat side. Its message never holds a secret. */
export class WechatError extends Error {
  override readonly name: string = 'WechatError'
  readonly code: WechatErrorCode
  /** Whether a retry can help. */
  readonly kind: Kind
  readonly errcode: number
  readonly hint: string | undefined
  /** Seconds after which another try can succeed, where that is known. */
  readonly retryAfter: number | undefined

  constructor(code: WechatErrorCode, message: string, details: WechatErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.kind = details.kind
    this.errcode = details.errcode ?? -1
    this.hint = details.hint
    this.retryAfter = details.retryAfter
  }
}

/** WeChat answered with an errcode other than 0. `errmsg` is WeChat's own text. */
export class ErrcodeError extends WechatError {
  override readonly name = 'ErrcodeError'
  readonly errmsg: string

  constructor(errcode: number, errmsg: string, kind: Kind = errcodes[errcode]?.kind ?? 'request') {
    const meaning = errcodes[errcode]?.meaning
    super('ERRCODE', `WeChat answered ${errcode}${meaning === undefined ? '' : `, ${meaning}`} (${errmsg})`, {
      kind,
      errcode,
      hint: hintFor(errcode, errmsg, kind),
    })
    this.errmsg = errmsg
  }
}

/** WeChat could not be reached, took too long, or answered something that is not WeChat's. Transient. */
export class UpstreamError extends WechatError {
  override readonly name = 'UpstreamError'
  /** Whether the request may have reached WeChat, and so may count against a quota. */
  readonly delivered: boolean

  constructor(
    code: 'UPSTREAM_UNREACHABLE' | 'UPSTREAM_TIMEOUT' | 'UPSTREAM_GARBAGE',
    message: string,
    options: { delivered: boolean; hint?: string },
  ) {
    super(code, message, { kind: 'transient', hint: options.hint })
    this.delivered = options.delivered
  }
}

/** A credential cannot be had now; says why, and when to come again. `cause` is the failure behind it. */
export class CredentialUnavailable extends WechatError {
  override readonly name = 'CredentialUnavailable'

  constructor(credential: string, cause: WechatError, retryAfter: number) {
    super('UNAVAILABLE', `No ${credential} can be had now: ${cause.message}`, {
      kind: cause.kind,
      errcode: cause.errcode,
      hint: cause.hint,
      retryAfter,
      cause,
    })
  }
}

/** Whether WeChat says that the access_token of a call is dead: a refresh and one more try are worth it. */
export function isTokenDead(error: unknown): boolean {
  return error instanceof ErrcodeError && [40001, 40014, 42001].includes(error.errcode)
}

function hintFor(errcode: number, errmsg: string, kind: Kind): string | undefined {
  // On a token fetch 40001 says what 40125 says.
  const remedy = errcodes[errcode === 40001 && kind === 'permanent' ? 40125 : errcode]?.remedy
  if (errcode !== 40164) return remedy
  // [CSDN-40164] `invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist`
  const address = /invalid ip ([0-9A-Fa-f.:]{3,45})/.exec(errmsg)?.[1]
  return address === undefined ? remedy : `${remedy} The address is ${address}.`
}
