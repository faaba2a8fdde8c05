import type { Context } from 'koa'
import type { Account } from '../accounts.js'
import { type ErrcodeRefusal, sendErrcode } from '../http/errcode-answer.js'
import type { Route } from '../http/route.js'
import { sendJson } from '../http/send-json.js'
import type { Clock } from '../wechat/clock.js'
import { WechatError } from '../wechat/errors.js'
import { type Held, type Source, secondsLeft } from '../wechat/held.js'
import { isTicketType, type TicketType } from '../wechat/ticket-endpoint.js'
import { GivenTexts } from './given-texts.js'
import { Refetches } from './refetches.js'
import { type TokenRequest, tokenRequestInBody, tokenRequestInQuery } from './token-request.js'

/** A client that may have a token of an account, and which: WeChat's own, or one of the hub. */
export interface TokenTaker {
  readonly account: Account
  readonly client: string
  /** The hub token, for a client that does not get WeChat's. */
  readonly hubToken: { readonly token: string; readonly lifetime: number } | undefined
}

type MaybePromise<T> = T | Promise<T>

export interface CompatibleOptions {
  readonly clock: Clock
  /** Who asks for a token with this appid and secret, or why it gets none. */
  admitTaker(ctx: Context, request: TokenRequest): MaybePromise<TokenTaker | ErrcodeRefusal>
  /** For which account somebody who shows this access_token may have a ticket, or why not. */
  admitTicket(
    ctx: Context,
    accessToken: string | undefined,
  ): MaybePromise<{ readonly account: Account } | ErrcodeRefusal>
  /** Told of each access_token that is given out. */
  given(account: Account, from: Source, ctx: Context): void
  /** Told of each hub token that is given out. */
  hubTokenGiven(account: Account, ctx: Context): void
  /** Told of each ticket that is given out. */
  ticketGiven(account: Account, type: TicketType, from: Source, ctx: Context): void
}

/** The paths of WeChat that the hub answers itself. */
export const emulatedPaths: ReadonlySet<string> = new Set([
  '/cgi-bin/token',
  '/cgi-bin/stable_token',
  '/cgi-bin/ticket/getticket',
])

const getNeeded: ErrcodeRefusal = { errcode: 43001, errmsg: 'require GET method' }
const postNeeded: ErrcodeRefusal = { errcode: 43002, errmsg: 'require POST method' }

/** WeChat's own ways to a token and a ticket, as SDKs use them: WeChat's JSON, and HTTP 200 for refusals. */
export function compatibleRoutes(options: CompatibleOptions): Route[] {
  const { clock, given, hubTokenGiven, ticketGiven } = options
  const refetches = new Refetches(clock)
  const tokenTexts = new GivenTexts(clock, (held) => ({
    access_token: held.value,
    expires_in: secondsLeft(held, clock),
  }))
  const ticketTexts = new GivenTexts(clock, (held) => {
    return { errcode: 0, errmsg: 'ok', ticket: held.value, expires_in: secondsLeft(held, clock) }
  })

  async function giveToken(ctx: Context, request: TokenRequest | ErrcodeRefusal): Promise<void> {
    if ('errcode' in request) return sendErrcode(ctx, request)
    const taker = await options.admitTaker(ctx, request)
    if ('errcode' in taker) return sendErrcode(ctx, taker)
    const { account, client, hubToken } = taker
    if (hubToken !== undefined) {
      hubTokenGiven(account, ctx)
      return sendJson(ctx, `{"access_token":"${hubToken.token}","expires_in":${hubToken.lifetime}}`)
    }
    const held = await refetches.fetch(account, client, request.forced)
    given(account, held.from, ctx)
    sendJson(ctx, tokenTexts.of(held))
  }

  async function giveTicket(ctx: Context): Promise<void> {
    const { access_token, type } = ctx.query
    const admitted = await options.admitTicket(ctx, typeof access_token === 'string' ? access_token : undefined)
    if ('errcode' in admitted) return sendErrcode(ctx, admitted)
    if (!isTicketType(type)) {
      return sendErrcode(ctx, { errcode: 40097, errmsg: 'invalid args', hint: 'type must be jsapi or wx_card' })
    }
    const held: Held = await admitted.account.wechat.ticket(type).get()
    ticketGiven(admitted.account, type, held.from, ctx)
    sendJson(ctx, ticketTexts.of(held))
  }

  const route = (method: 'GET' | 'POST', path: string, name: string, give: Route['handle']): Route => {
    return { method, path, name, who: 'sdk', handle: (ctx) => inWechatsWords(ctx, give) }
  }
  return [
    route('GET', '/cgi-bin/token', 'WeChat’s token', (ctx) => giveToken(ctx, tokenRequestInQuery(ctx))),
    route('POST', '/cgi-bin/token', 'WeChat’s token, wrong method', (ctx) => sendErrcode(ctx, getNeeded)),
    route('POST', '/cgi-bin/stable_token', 'WeChat’s stable_token', async (ctx) =>
      giveToken(ctx, await tokenRequestInBody(ctx)),
    ),
    route('GET', '/cgi-bin/stable_token', 'WeChat’s stable_token, wrong method', (ctx) => sendErrcode(ctx, postNeeded)),
    route('GET', '/cgi-bin/ticket/getticket', 'WeChat’s getticket', giveTicket),
    // Some SDKs ask so.
    route('POST', '/cgi-bin/ticket/getticket', 'WeChat’s getticket by POST', giveTicket),
  ]
}

async function inWechatsWords(ctx: Context, give: Route['handle']): Promise<void> {
  try {
    await give(ctx)
  } catch (error) {
    if (!(error instanceof WechatError)) throw error
    const { message, hint, retryAfter } = error
    sendErrcode(ctx, { errcode: errcodeOf(error), errmsg: message, hint, retryAfter })
  }
}

const tokenDead: ReadonlySet<number> = new Set([40001, 40014, 42001])

/**
 * At these SDKs fetch a token, whatever they have asked for: one that asked for a token would do so without end. WeChat said
 * them to the hub, of its AppSecret or of a token of its own.
 */
function errcodeOf({ errcode, kind }: WechatError): number {
  if (!tokenDead.has(errcode)) return errcode
  return kind === 'permanent' ? 40125 : -1
}
