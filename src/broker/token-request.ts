import type { Context } from 'koa'
import type { ErrcodeRefusal } from '../http/errcode-answer.js'
import { HttpError } from '../http/error.js'
import { readJsonBody } from '../http/json-body.js'
import { readQuery } from '../http/query.js'

/** What an SDK sends to get a token. */
export interface TokenRequest {
  readonly appID: string
  /** At the hub a client's key. */
  readonly secret: string
  readonly forced: boolean
}

/** `GET /cgi-bin/token`: in the query [TOKEN]. */
export function tokenRequestInQuery(ctx: Context): TokenRequest | ErrcodeRefusal {
  return check(readQuery(ctx.querystring))
}

/** `POST /cgi-bin/stable_token`: in a JSON body [STABLE]. */
export async function tokenRequestInBody(ctx: Context): Promise<TokenRequest | ErrcodeRefusal> {
  try {
    return check(await readJsonBody(ctx, { anyType: true }))
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    // What is left of a body that is too long is not read: then the connection must end.
    for (const [name, value] of Object.entries(error.headers)) ctx.res.setHeader(name, value)
    return { errcode: 47001, errmsg: 'data format error', hint: error.message }
  }
}

function check(fields: Readonly<Record<string, unknown>>): TokenRequest | ErrcodeRefusal {
  const { grant_type, appid, secret, force_refresh } = fields
  if (grant_type !== 'client_credential') {
    return { errcode: 40002, errmsg: 'invalid grant_type', hint: 'grant_type must be client_credential' }
  }
  if (!isFilled(appid)) return { errcode: 41002, errmsg: 'appid missing', hint: "appid is the account's AppID" }
  if (!isFilled(secret)) {
    return { errcode: 41004, errmsg: 'appsecret missing', hint: "secret is the client's key at the hub" }
  }
  return { appID: appid, secret, forced: force_refresh === true }
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
