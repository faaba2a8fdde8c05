export interface HttpErrorOptions {
  /** WeChat's, or one of ours that tells more than the status. Default: the negated status. */
  readonly errcode?: number
  /** What the caller can do about it. */
  readonly hint?: string
  /** Seconds after which another try can succeed. */
  readonly retryAfter?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** A refusal of the hub itself: everything in it may be told to the caller. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  /** As a rule the negated HTTP status: WeChat has no errcodes there. */
  readonly errcode: number
  readonly hint: string | undefined
  readonly retryAfter: number | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, errmsg: string, options: HttpErrorOptions = {}) {
    super(errmsg, options.cause === undefined ? undefined : { cause: options.cause })
    this.status = status
    this.errcode = options.errcode ?? -status
    this.hint = options.hint
    this.retryAfter = options.retryAfter
    this.headers = options.headers ?? {}
  }
}
