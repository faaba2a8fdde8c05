import type { Context } from 'koa'
import { sendJson } from './send-json.js'

/** A refusal in WeChat's words, for SDKs. */
export interface ErrcodeRefusal {
  readonly errcode: number
  readonly errmsg: string
  /** What the people behind the caller can do about it. */
  readonly hint?: string | undefined
  /** Seconds after which another try can succeed. */
  readonly retryAfter?: number | undefined
}

/**
 * Answers as WeChat's API refuses: HTTP 200 and `{errcode, errmsg}`, since most SDKs throw at any other status before they
 * read why. The hint is the hub's addition, in a field of its own: SDKs read none but these two.
 */
export function sendErrcode(ctx: Context, { errcode, errmsg, hint, retryAfter }: ErrcodeRefusal): void {
  if (retryAfter !== undefined) ctx.res.setHeader('Retry-After', String(retryAfter))
  sendJson(ctx, JSON.stringify({ errcode, errmsg, hint, requestId: ctx.state['requestId'] }))
}
