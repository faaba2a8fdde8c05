import type { Context, Next } from 'koa'
import { StoreError } from '../stores/store.js'
import { WechatError } from '../wechat/errors.js'
import { commonHeaders } from './common-headers.js'
import { HttpError } from './error.js'

interface Refusal {
  readonly status: number
  readonly errcode: number
  readonly errmsg: string
  readonly hint: string | undefined
  readonly retryAfter: number | undefined
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Gives every answer the headers that credentials need, and turns what is thrown into JSON
 * `{errcode, errmsg, hint?, requestId}`. `unexpected` is told of errors that are no refusals; the caller learns nothing of
 * those.
 */
export function answer(unexpected: (error: unknown, ctx: Context) => void) {
  return async function answerRequest(ctx: Context, next: Next): Promise<void> {
    try {
      await next()
      // What `sendJson` has sent is complete.
      if (ctx.respond === false) return
      if (ctx.body == null) refuseUnrouted(ctx.status)
      setCommonHeaders(ctx)
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal.status === 500 || error instanceof StoreError) unexpected(error, ctx)
      if (!ctx.res.headersSent) write(ctx, refusal)
    }
  }
}

function setCommonHeaders(ctx: Context): void {
  const headers = commonHeaders(ctx)
  for (let i = 0; i + 1 < headers.length; i += 2) ctx.res.setHeader(headers[i] ?? '', headers[i + 1] ?? '')
}

/** What the router could not place has a status, but no body yet. */
function refuseUnrouted(status: number): void {
  if (status === 404) throw new HttpError(404, 'there is nothing at this path')
  if (status === 405) throw new HttpError(405, 'this path does not take this method: see the header allow')
  if (status === 501) throw new HttpError(501, 'the hub does not know this method')
}

function write(ctx: Context, refusal: Refusal): void {
  const { status, errcode, errmsg, hint, retryAfter, headers } = refusal
  ctx.status = status
  ctx.type = 'json'
  ctx.set({ ...headers })
  setCommonHeaders(ctx)
  if (retryAfter !== undefined) ctx.set('retry-after', String(retryAfter))
  ctx.body = { errcode, errmsg, ...(hint === undefined ? {} : { hint }), requestId: ctx.state['requestId'] }
}

/** The one place that decides what a caller may see of an error. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof HttpError) return { ...pick(error), status: error.status, headers: error.headers }
  if (error instanceof WechatError) return { ...pick(error), status: statusOf(error), headers: {} }
  if (error instanceof StoreError) return storeRefusal
  return { status: 500, errcode: -500, errmsg: 'internal error', hint: undefined, retryAfter: undefined, headers: {} }
}

/** What is wrong with the store is for the log. */
const storeRefusal: Refusal = {
  ...{ status: 503, errcode: -503, errmsg: 'the hub cannot keep or find this at present', headers: {} },
  ...{ hint: 'Try again in a few seconds: the store of the hub does not answer.', retryAfter: 5 },
}

function pick(error: HttpError | WechatError) {
  return { errcode: error.errcode, errmsg: error.message, hint: error.hint, retryAfter: error.retryAfter }
}

/** 503 where waiting helps, 502 where somebody has to act. */
export function statusOf(error: WechatError): number {
  return error.kind === 'transient' || error.kind === 'quota' ? 503 : 502
}
