import type { Context } from 'koa'
import type { Account } from '../accounts.js'
import { callerAddress } from '../http/caller-address.js'
import { HttpError } from '../http/error.js'
import { readJsonBody } from '../http/json-body.js'
import { readQuery } from '../http/query.js'
import type { Route } from '../http/route.js'
import { sendJson } from '../http/send-json.js'
import { cardOf } from './card.js'
import { answerPreflight, corsHeaders, setOnRefusal } from './cors.js'
import type { PageDomains } from './page-domains.js'
import { pageRefused, pageUnsigned } from './page-refusal.js'

export interface JssdkOptions {
  /** The browser helper: JavaScript. */
  readonly script: string
  /** The account with this name or appID. */
  findAccount(nameOrAppID: string): Account | undefined
  /** The account a request with a client key is about. */
  accountOf(ctx: Context): Account
  /** Where the account's pages are. */
  domainsOf(account: Account): PageDomains | undefined
  /** Counts a request from this address; answers the refusal if it is one too many. */
  tooMany(address: string): HttpError | undefined
  /** Told whether a page got a signature. The account, if it exists. */
  asked(account: Account | undefined, outcome: 'signed' | 'refused' | 'failed'): void
}

/** As pages ask: nothing but the URL, percent-encoded by `encodeURIComponent`, and in ASCII. */
const alone = /^url=(?:[A-Za-z0-9_.~!'()*-]|%[2-7][0-9A-Fa-f])+$/

/** How pages get what `wx.config` needs, the script that asks for it, and how back ends get signatures of cards. */
export function jssdkRoutes(options: JssdkOptions): Route[] {
  const { script, accountOf } = options
  return [
    {
      method: 'GET',
      path: '/v1/:account/jssdk',
      name: 'signature of a page',
      who: 'page',
      handle: (ctx) => answerPage(ctx, options),
    },
    {
      method: 'OPTIONS',
      path: '/v1/:account/jssdk',
      name: 'preflight of a page',
      who: 'page',
      handle: (ctx) => answerPreflight(ctx, seen(ctx, options).domains),
    },
    {
      method: 'GET',
      path: '/v1/jssdk.js',
      name: 'browser helper',
      who: 'anyone',
      handle(ctx) {
        ctx.set('content-type', 'text/javascript; charset=utf-8')
        ctx.body = script
      },
    },
    {
      method: 'POST',
      path: '/v1/:account/card-signature',
      name: 'signature of a card',
      who: { scope: 'jssdk' },
      async handle(ctx) {
        const { wechat } = accountOf(ctx)
        sendJson(ctx, JSON.stringify(await wechat.signCard(cardOf(await readJsonBody(ctx)))))
      },
    },
  ]
}

async function answerPage(ctx: Context, options: JssdkOptions): Promise<void> {
  const { account, domains } = seen(ctx, options)
  const headers = corsHeaders(ctx, domains)
  try {
    const tooMany = options.tooMany(callerAddress(ctx))
    if (tooMany !== undefined) throw tooMany
    const url = urlOf(ctx)
    if (account === undefined || domains?.holdPage(url) !== true) throw pageRefused()
    ctx.state['account'] = account
    const { appId, timestamp, nonceStr, signature } = await account.wechat.signUrl(url)
    // Nothing in it has to be escaped.
    const text = `{"appId":"${appId}","timestamp":${timestamp},"nonceStr":"${nonceStr}","signature":"${signature}"}`
    options.asked(account, 'signed')
    sendJson(ctx, text, headers)
  } catch (thrown) {
    const error = pageUnsigned(thrown)
    options.asked(account, error instanceof HttpError && error.status < 500 ? 'refused' : 'failed')
    setOnRefusal(ctx, headers)
    throw error
  }
}

function seen(ctx: Context, { findAccount, domainsOf }: JssdkOptions) {
  const account = findAccount(ctx['params'].account)
  return { account, domains: account === undefined ? undefined : domainsOf(account) }
}

function urlOf(ctx: Context): string {
  const query = ctx.querystring
  const { url } = alone.test(query) ? { url: decodeURIComponent(query.slice('url='.length)) } : readQuery(query)
  if (typeof url === 'string' && url !== '') return url
  throw new HttpError(400, 'url must be given once', {
    hint: "ask with ?url= and encodeURIComponent(location.href.split('#')[0])",
  })
}
