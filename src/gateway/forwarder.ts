import { Readable } from 'node:stream'
import type { Context } from 'koa'
import type { Dispatcher } from 'undici'
import type { Account } from '../accounts.js'
import { BodyRefused } from '../http/body.js'
import { commonHeaders } from '../http/common-headers.js'
import { type ErrcodeRefusal, sendErrcode } from '../http/errcode-answer.js'
import { WechatError } from '../wechat/errors.js'
import { type Ending, Exchange } from './exchange.js'
import { headersUp } from './headers.js'
import { Holding } from './holding.js'
import { bodyOf, type RequestBody } from './request-body.js'
import type { Target } from './target.js'
import { Upload } from './upload.js'
import { Upstream, type UpstreamOptions } from './upstream.js'

/** A call that was let in. */
export interface AdmittedCall {
  readonly method: Dispatcher.HttpMethod
  readonly target: Target
  readonly account: Account
  /** Whether the caller has WeChat's real access_token anyway. */
  readonly holdsToken: boolean
}

/**
 * What became of a call: `forwarded` (WeChat answered, whatever it said), `unreachable` (it did not), `no-token` (the hub has
 * none), `broken-off` (WeChat's answer ended early), `aborted` (the caller went away).
 */
export type GatewayOutcome = 'forwarded' | 'unreachable' | 'no-token' | 'broken-off' | 'aborted'

export interface Forwarded {
  readonly outcome: GatewayOutcome
  /** Whether the call was made twice, because WeChat refused the first access_token. */
  readonly retried: boolean
}

/** Bytes of request bodies that are held for a second try, in all. */
const mostHeld = 64 * 1024 * 1024

export interface ForwarderOptions extends UpstreamOptions {
  /** A caller that takes nothing of its answer for so long, in ms, is given up. Default 60,000. */
  readonly callerPatience?: number
}

/** Carries calls to WeChat and answers back. */
export class Forwarder {
  readonly #upstream: Upstream
  readonly #callerPatience: number
  readonly #holding = new Holding(mostHeld)

  constructor(apiDomain: string, { callerPatience = 60_000, ...options }: ForwarderOptions = {}) {
    this.#upstream = new Upstream(apiDomain, options)
    this.#callerPatience = callerPatience
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#upstream.close()
  }

  /** Sends the call on with a living access_token; once more with another one if WeChat refuses it. Never rejects for WeChat. */
  async forward(ctx: Context, call: AdmittedCall): Promise<Forwarded> {
    const { accessToken } = call.account.wechat
    let body: RequestBody
    try {
      // To wait for nothing costs too.
      const reading = bodyOf(ctx.req, this.#holding)
      body = reading instanceof Promise ? await reading : reading
      if (!this.#upstream.isOpen) await this.#upstream.open()
      const held = await accessToken.get()
      const first = await this.#send(ctx, call, held.value, body)
      if (first.outcome !== 'token-dead') return finish(ctx, first, false)
      const next = await replacementOf(call.account, held.value, call.target.path)
      if (ctx.res.destroyed) return { outcome: 'aborted', retried: false }
      if (next === undefined || (body instanceof Upload && !body.repeatable)) {
        first.sendOn()
        return { outcome: 'forwarded', retried: false }
      }
      return finish(ctx, await this.#send(ctx, call, next, body), true)
    } catch (error) {
      if (error instanceof BodyRefused) return { outcome: 'aborted', retried: false }
      if (!(error instanceof WechatError)) throw error
      sendErrcode(ctx, refusalOf(error))
      return { outcome: 'no-token', retried: false }
    } finally {
      if (body instanceof Upload) body.release()
    }
  }

  #send(ctx: Context, call: AdmittedCall, token: string, body: RequestBody, fresh = false): Promise<Ending> {
    if (ctx.res.destroyed) return Promise.resolve({ outcome: 'aborted' })
    const { method, target, holdsToken } = call
    return new Promise((resolve) => {
      const ended = (ending: Ending) => {
        const isRepeatable = !fresh && body === undefined && (method === 'GET' || method === 'HEAD')
        if (isRepeatable && this.#isMissed(ending)) resolve(this.#send(ctx, call, token, undefined, true))
        else resolve(ending)
      }
      const exchange = new Exchange({
        ...{ response: ctx.res, token, keepsToken: holdsToken, patience: this.#callerPatience, ended },
        headers: commonHeaders(ctx),
      })
      const headers = headersUp(ctx.req.headers)
      const length = ctx.req.headers['content-length']
      if (body instanceof Upload && length !== undefined) headers.push('content-length', length)
      ctx.respond = false
      const sent = {
        method,
        path: target.path,
        query: `access_token=${encodeURIComponent(token)}${target.rest}`,
        headers,
        body: body instanceof Upload ? Readable.from(body.read(), { objectMode: false }) : body,
      }
      try {
        if (fresh) this.#upstream.sendFresh(sent, exchange)
        else this.#upstream.send(sent, exchange)
      } catch (error) {
        exchange.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)))
      }
    })
  }

  /** Whether a call fell into the moment in which WeChat closed the kept connection that it went out on (RFC 9110 9.2.2). */
  #isMissed(ending: Ending): boolean {
    return ending.outcome === 'failed' && !ending.begun && this.#upstream.isOfKept(ending.error)
  }
}

function finish(ctx: Context, ending: Ending, retried: boolean): Forwarded {
  switch (ending.outcome) {
    case 'answered':
      return { outcome: 'forwarded', retried }
    case 'token-dead':
      ending.sendOn()
      return { outcome: 'forwarded', retried }
    case 'failed':
      sendErrcode(ctx, unreachable(ending.error))
      return { outcome: 'unreachable', retried }
    default:
      return { outcome: ending.outcome, retried }
  }
}

function unreachable(error: Error): ErrcodeRefusal {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return {
    errcode: -1,
    errmsg: `system error: WeChat could not be reached (${code})`,
    hint: 'Try again later. If it stays: can the hub open connections to the API host?',
  }
}

function refusalOf(error: WechatError): ErrcodeRefusal {
  // To an SDK 40001 would be the fault of the token that it sent.
  const errcode = error.errcode === 40001 ? -1 : error.errcode
  return { errcode, errmsg: error.message, hint: error.hint, retryAfter: error.retryAfter }
}

/** A living access_token in place of one that WeChat refused; nothing if there is no other. */
async function replacementOf(account: Account, dead: string, path: string): Promise<string | undefined> {
  try {
    const { value } = await account.wechat.accessToken.reject(dead, `a call of ${path} through the gateway`)
    return value === dead ? undefined : value
  } catch (error) {
    if (error instanceof WechatError) return undefined
    throw error
  }
}
