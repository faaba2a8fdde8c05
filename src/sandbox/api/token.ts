import type { KnownAccount } from '../accounts.js'
import { ApiError } from '../errmsg.js'
import type { Quota } from '../quotas.js'
import { authenticate } from './credentials.js'
import type { Endpoint } from './endpoint.js'

/** Each call issues a new token; the one before works for 300 s more, at the most to its own end [TOKEN, ATUSE]. */
export const token: Endpoint = {
  method: 'GET',
  path: '/cgi-bin/token',
  answer(call, world) {
    const given = { appid: call.query('appid'), secret: call.query('secret'), grant_type: call.query('grant_type') }
    const account = authenticate(given, 'client_credential', world)
    if (!world.quotas.take(account.appID, dailyTokens(account))) throw new ApiError(45009)
    const issued = world.tokens.issue(account.appID, 'token')
    return { access_token: issued.access_token, expires_in: world.tokens.left(issued) }
  },
}

/** 2000 a day for a production account, 200 for a test account [FREQ]. */
export function dailyTokens(account: KnownAccount): Quota {
  return { name: 'token', per: 'day', limit: account.dailyTokens }
}
