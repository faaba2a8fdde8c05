import type { Context } from 'koa'
import type { Account } from '../accounts.js'
import { HttpError } from '../http/error.js'
import { readJsonBody } from '../http/json-body.js'
import type { Route, Who } from '../http/route.js'
import { sendJson } from '../http/send-json.js'
import type { Clock } from '../wechat/clock.js'
import type { Held, Source } from '../wechat/held.js'
import type { TicketType } from '../wechat/ticket-endpoint.js'
import { givenAccessToken } from './access-token.js'
import { GivenTexts } from './given-texts.js'
import { givenTicket, ticketTypeOf } from './ticket.js'

export interface BrokerOptions {
  readonly clock: Clock
  /** Who may call the test endpoint `/getAccessToken`. */
  readonly testEndpoint: Who
  /** The account that the test endpoint is about, if its query names none. */
  readonly standardAccount: string
  /** The account a request is about. */
  accountOf(ctx: Context): Account
  /** Who is calling, for people. */
  callerOf(ctx: Context): string
  /** Told of each token that is given out, and to which request. */
  given(account: Account, from: Source, ctx: Context): void
  /** Told of each ticket that is given out, and to which request. */
  ticketGiven(account: Account, type: TicketType, from: Source, ctx: Context): void
}

/** How back ends get the access_token and the tickets, and say that WeChat refused the access_token. */
export function brokerRoutes(options: BrokerOptions): Route[] {
  const { clock, testEndpoint, standardAccount, accountOf, callerOf, given, ticketGiven } = options
  const texts = new GivenTexts(clock, givenAccessToken)
  const ticketTexts = new GivenTexts(clock, givenTicket)
  const give = (ctx: Context, account: Account, held: Held) => {
    given(account, held.from, ctx)
    sendJson(ctx, texts.of(held))
  }
  const accessToken = async (ctx: Context) => {
    const account = accountOf(ctx)
    give(ctx, account, await account.wechat.accessToken.get())
  }
  const rejected = async (ctx: Context) => {
    const account = accountOf(ctx)
    const { access_token } = await readJsonBody(ctx)
    if (typeof access_token !== 'string' || access_token === '') {
      throw new HttpError(400, 'access_token is missing', {
        hint: 'Send {"access_token": "…"}: the token that WeChat refused.',
      })
    }
    give(ctx, account, await account.wechat.accessToken.reject(access_token, callerOf(ctx)))
  }
  const ticket = async (ctx: Context) => {
    const account = accountOf(ctx)
    const type = ticketTypeOf(ctx)
    const held = await account.wechat.ticket(type).get()
    ticketGiven(account, type, held.from, ctx)
    sendJson(ctx, ticketTexts.of(held))
  }
  return [
    {
      method: 'GET',
      path: '/getAccessToken',
      name: 'test endpoint',
      who: testEndpoint,
      about: ({ query: { account } }) => (typeof account === 'string' ? account : standardAccount),
      handle: accessToken,
    },
    {
      method: 'GET',
      path: '/v1/:account/access-token',
      name: 'access_token',
      who: { scope: 'token' },
      handle: accessToken,
    },
    {
      method: 'POST',
      path: '/v1/:account/access-token/rejected',
      name: 'rejected access_token',
      who: { scope: 'token' },
      handle: rejected,
    },
    {
      method: 'GET',
      path: '/v1/:account/ticket',
      name: 'ticket',
      who: { scope: 'ticket' },
      handle: ticket,
    },
  ]
}
