import type { IncomingMessage } from 'node:http'
import type { Context, Middleware, Next } from 'koa'
import type { Dispatcher } from 'undici'
import type { Account } from '../accounts.js'
import { type ErrcodeRefusal, sendErrcode } from '../http/errcode-answer.js'
import { type Forwarded, Forwarder, type ForwarderOptions } from './forwarder.js'
import { isGuarded, revealsSessionKey, usualSpelling } from './guarded.js'
import { isPlainlyFramed } from './request-body.js'
import { isUnderRoot } from './roots.js'
import { readTarget } from './target.js'

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

export interface GatewayEvent extends Forwarded {
  readonly account: Account
}

type Admission = GatewayCaller | ErrcodeRefusal

export interface GatewayOptions extends ForwarderOptions {
  readonly apiDomain: string
  /** Paths that the hub answers itself: left to the next middleware. */
  readonly emulated: ReadonlySet<string>
  /** Who calls, or why the call is refused. */
  admit(ctx: Context, call: GatewayCall): Admission | Promise<Admission>
  /** Counts and notes a call that is refused before anybody looks who sent it; what to answer. */
  refuse(ctx: Context, refusal: ErrcodeRefusal): Promise<ErrcodeRefusal>
  observe(event: GatewayEvent): void
}

const methods: ReadonlySet<Dispatcher.HttpMethod> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])

const twoSlashes: ErrcodeRefusal = {
  ...{ errcode: 40066, errmsg: 'invalid url' },
  hint: 'The path begins with two slashes: the base URL of the SDK must end without one, or with one less.',
}

const disguised: ErrcodeRefusal = {
  ...{ errcode: 40066, errmsg: 'invalid url' },
  hint: 'The hub answers this path itself: spell it as WeChat does.',
}
const revealing: ErrcodeRefusal = {
  ...{ errcode: 48001, errmsg: 'api unauthorized' },
  hint: 'No scope opens this path: WeChat answers it with a session_key. Send the code of wx.login to POST /v1/:account/sessions.',
}
const oddFraming: ErrcodeRefusal = {
  ...{ errcode: 47001, errmsg: 'data format error' },
  hint: 'Of transfer-encodings the hub takes "chunked" alone.',
}
const oddMethod: ErrcodeRefusal = {
  ...{ errcode: 43002, errmsg: 'require POST method' },
  hint: 'Calls are sent on with GET, HEAD, POST, PUT, PATCH or DELETE.',
}

/**
 * The way of back ends to WeChat's API: any call under WeChat's paths is sent on with the account's access_token in place of
 * whatever the caller sent. If WeChat refuses the token, it is replaced, and the call made once more.
 */
export class Gateway {
  readonly #options: GatewayOptions
  readonly #forwarder: Forwarder

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#forwarder = new Forwarder(options.apiDomain, options)
  }

  readonly middleware: Middleware = (ctx: Context, next: Next) => {
    const url = ctx.req.url ?? ''
    if (isUnderRoot(url)) return this.#isEmulated(url) ? next() : this.#handle(ctx, url)
    return isUnderRoot(url.slice(1)) ? this.#refuse(ctx, twoSlashes) : next()
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#forwarder.close()
  }

  #isEmulated(url: string): boolean {
    const end = url.indexOf('?')
    return this.#options.emulated.has(end < 0 ? url : url.slice(0, end))
  }

  async #refuse(ctx: Context, refusal: ErrcodeRefusal): Promise<void> {
    sendErrcode(ctx, await this.#options.refuse(ctx, refusal))
  }

  async #handle(ctx: Context, url: string): Promise<void> {
    const target = readTarget(url)
    if ('refused' in target) return this.#refuse(ctx, { errcode: 40066, errmsg: 'invalid url', hint: target.refused })
    const { path, rest, accessToken } = target
    const { method } = ctx.req
    if (this.#options.emulated.has(usualSpelling(path))) return this.#refuse(ctx, disguised)
    if (revealsSessionKey(path)) return this.#refuse(ctx, revealing)
    if (!isSentOn(method)) return this.#refuse(ctx, oddMethod)
    if (!isPlainlyFramed(ctx.req)) return this.#refuse(ctx, oddFraming)
    const shown = { request: ctx.req, path, guarded: isGuarded(path), accessToken, appID: appIDIn(rest) }
    // To wait for nothing costs too.
    const admitting = this.#options.admit(ctx, shown)
    const caller = admitting instanceof Promise ? await admitting : admitting
    if ('errcode' in caller) return sendErrcode(ctx, caller)
    const { account, holdsToken } = caller
    this.#options.observe({ account, ...(await this.#forwarder.forward(ctx, { method, target, account, holdsToken })) })
  }
}

function isSentOn(method: string | undefined): method is Dispatcher.HttpMethod {
  return (methods as ReadonlySet<string | undefined>).has(method)
}

/** Several count as none. */
function appIDIn(rest: string): string | undefined {
  if (rest === '') return undefined
  const [first, ...others] = rest.matchAll(/&appid=([A-Za-z0-9_-]{1,64})(?=&|$)/g)
  return others.length === 0 ? first?.[1] : undefined
}
