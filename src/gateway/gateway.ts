import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { Context, Middleware, Next } from 'koa'
import type { Dispatcher } from 'undici'
import type { Account } from '../accounts.js'
import { BodyRefused, readBytes } from '../http/body.js'
import { commonHeaders } from '../http/common-headers.js'
import { type ErrcodeRefusal, sendErrcode } from '../http/errcode-answer.js'
import { WechatError } from '../wechat/errors.js'
import { type Ending, Exchange } from './exchange.js'
import { isGuarded } from './guarded.js'
import { headersUp } from './headers.js'
import { Holding } from './holding.js'
import { isUnderRoot } from './roots.js'
import { readTarget, type Target } from './target.js'
import { Upload } from './upload.js'
import { Upstream } from './upstream.js'

/** Who calls, and for which account. */
export interface GatewayCaller {
  /** Absent for one who holds a real access_token only. */
  readonly client?: { readonly name: string }
  readonly account: Account
  /** Whether the caller has WeChat's real access_token anyway. */
  readonly holdsToken: boolean
}

export interface GatewayCall {
  readonly request: IncomingMessage
  readonly path: string
  /** Whether only a scope that names the path exactly lets a caller in. */
  readonly guarded: boolean
  /** The caller's own `access_token`. */
  readonly accessToken: string | undefined
  /** The account that the caller names by `appid`. */
  readonly appID: string | undefined
}

/**
 * What became of a call: `forwarded` (WeChat answered, whatever it said), `unreachable` (it did not), `no-token` (the hub has
 * none), `broken-off` (WeChat's answer ended early), `aborted` (the caller went away).
 */
export type GatewayOutcome = 'forwarded' | 'unreachable' | 'no-token' | 'broken-off' | 'aborted'

export interface GatewayEvent {
  readonly account: Account
  readonly outcome: GatewayOutcome
  /** Whether the call was made twice, because WeChat refused the first access_token. */
  readonly retried: boolean
}

type Admission = GatewayCaller | ErrcodeRefusal

export interface GatewayOptions {
  readonly apiDomain: string
  /** Paths that the hub answers itself: left to the next middleware. */
  readonly emulated: ReadonlySet<string>
  /** Who calls, or why the call is refused. */
  admit(ctx: Context, call: GatewayCall): Admission | Promise<Admission>
  observe(event: GatewayEvent): void
  /** As in UpstreamOptions. */
  readonly patience?: number
}

const methods: ReadonlySet<Dispatcher.HttpMethod> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])

/** Bodies up to this length are read before WeChat is called, in bytes: most, and a slow sender keeps no connection busy. */
const longestRead = 64 * 1024

const twoSlashes: ErrcodeRefusal = {
  ...{ errcode: 40066, errmsg: 'invalid url' },
  hint: 'The path begins with two slashes: the base URL of the SDK must end without one, or with one less.',
}

/** Bytes of request bodies that are held for a second try, in all. */
const mostHeld = 64 * 1024 * 1024

/**
 * The way of back ends to WeChat's API: any call under WeChat's paths is sent on with the account's access_token in place of
 * whatever the caller sent. If WeChat refuses the token, it is replaced, and the call made once more.
 */
export class Gateway {
  readonly #options: GatewayOptions
  readonly #upstream: Upstream
  readonly #holding = new Holding(mostHeld)

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#upstream = new Upstream(options.apiDomain, options)
  }

  readonly middleware: Middleware = (ctx: Context, next: Next) => {
    const url = ctx.req.url ?? ''
    if (isUnderRoot(url)) return this.#isEmulated(url) ? next() : this.#handle(ctx, url)
    return isUnderRoot(url.slice(1)) ? sendErrcode(ctx, twoSlashes) : next()
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#upstream.close()
  }

  #isEmulated(url: string): boolean {
    const end = url.indexOf('?')
    return this.#options.emulated.has(end < 0 ? url : url.slice(0, end))
  }

  async #handle(ctx: Context, url: string): Promise<void> {
    const target = readTarget(url)
    if ('refused' in target) return sendErrcode(ctx, { errcode: 40066, errmsg: 'invalid url', hint: target.refused })
    if (!isSentOn(ctx.req.method)) {
      return sendErrcode(ctx, { errcode: 43002, errmsg: 'require POST method', hint: 'this method is not sent on' })
    }
    const { path, rest, accessToken } = target
    const call = { request: ctx.req, path, guarded: isGuarded(path), accessToken, appID: appIDIn(rest) }
    // To wait for nothing costs too, here and below.
    const admitting = this.#options.admit(ctx, call)
    const caller = admitting instanceof Promise ? await admitting : admitting
    if ('errcode' in caller) return sendErrcode(ctx, caller)
    const { outcome, retried } = await this.#forward(ctx, target, caller)
    this.#options.observe({ account: caller.account, outcome, retried })
  }

  async #forward(ctx: Context, target: Target, caller: GatewayCaller): Promise<Omit<GatewayEvent, 'account'>> {
    const { accessToken } = caller.account.wechat
    let body: Buffer | Upload | undefined
    try {
      const reading = this.#bodyOf(ctx.req)
      body = reading instanceof Promise ? await reading : reading
      if (!this.#upstream.isOpen) await this.#upstream.open()
      const held = await accessToken.get()
      const first = await this.#call(ctx, target, caller, held.value, body)
      if (first.outcome !== 'token-dead') return finish(ctx, first, false)
      const next = await this.#replacement(caller.account, held.value, target.path)
      if (ctx.res.destroyed) return { outcome: 'aborted', retried: false }
      if (next === undefined || (body instanceof Upload && !body.repeatable)) {
        first.sendOn()
        return { outcome: 'forwarded', retried: false }
      }
      return finish(ctx, await this.#call(ctx, target, caller, next, body), true)
    } catch (error) {
      if (error instanceof BodyRefused) return { outcome: 'aborted', retried: false }
      if (!(error instanceof WechatError)) throw error
      sendErrcode(ctx, refusalOf(error))
      return { outcome: 'no-token', retried: false }
    } finally {
      if (body instanceof Upload) body.release()
    }
  }

  /** A living access_token in place of one that WeChat refused; nothing if there is no other. */
  async #replacement(account: Account, dead: string, path: string): Promise<string | undefined> {
    try {
      const { value } = await account.wechat.accessToken.reject(dead, `a call of ${path} through the gateway`)
      return value === dead ? undefined : value
    } catch (error) {
      if (error instanceof WechatError) return undefined
      throw error
    }
  }

  #bodyOf(request: IncomingMessage): Promise<Buffer> | Upload | undefined {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
    if (encoding === undefined && (length === undefined || length === '0')) return undefined
    if (encoding === undefined && Number(length) <= longestRead) return readBytes(request, longestRead)
    return new Upload(request, this.#holding)
  }

  #call(
    ctx: Context,
    target: Target,
    caller: GatewayCaller,
    token: string,
    body: Buffer | Upload | undefined,
    fresh = false,
  ): Promise<Ending> {
    const { method } = ctx.req
    if (!isSentOn(method) || ctx.res.destroyed) return Promise.resolve({ outcome: 'aborted' })
    return new Promise((resolve) => {
      const ended = (ending: Ending) => {
        const isRepeatable = !fresh && body === undefined && (method === 'GET' || method === 'HEAD')
        if (isRepeatable && this.#isMissed(ending)) resolve(this.#call(ctx, target, caller, token, undefined, true))
        else resolve(ending)
      }
      const exchange = new Exchange({
        ...{ response: ctx.res, token, keepsToken: caller.holdsToken, ended },
        headers: commonHeaders(ctx),
      })
      const headers = headersUp(ctx.req.headers)
      const length = ctx.req.headers['content-length']
      if (body instanceof Upload && length !== undefined) headers.push('content-length', length)
      ctx.respond = false
      const call = {
        method,
        path: target.path,
        query: `access_token=${encodeURIComponent(token)}${target.rest}`,
        headers,
        body: body instanceof Upload ? Readable.from(body.read(), { objectMode: false }) : body,
      }
      try {
        if (fresh) this.#upstream.sendFresh(call, exchange)
        else this.#upstream.send(call, exchange)
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

function finish(ctx: Context, ending: Ending, retried: boolean): Omit<GatewayEvent, 'account'> {
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

function isSentOn(method: string | undefined): method is Dispatcher.HttpMethod {
  return (methods as ReadonlySet<string | undefined>).has(method)
}

function appIDIn(rest: string): string | undefined {
  return rest === '' ? undefined : /&appid=([A-Za-z0-9_-]{1,64})(?:&|$)/.exec(rest)?.[1]
}
