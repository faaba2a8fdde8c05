import type { KnownAccount } from '../accounts.js'
import { ApiError } from '../errmsg.js'
import type { World } from '../world.js'
import type { Call } from './call.js'

/** How an account names and proves itself. */
export interface Credentials {
  appid: string | undefined
  secret: string | undefined
  grant_type: string | undefined
}

/**
 * The account, or the first of: 41002 appid missing, 41004 secret missing, 40002 wrong grant_type, 40013 unknown appid,
 * 40125 wrong secret [TOKEN].
 */
export function authenticate(given: Credentials, grantType: string, world: World): KnownAccount {
  const appid = given.appid ?? fail(41002)
  const secret = given.secret ?? fail(41004)
  if (given.grant_type !== grantType) throw new ApiError(40002)
  const account = world.accounts.get(appid) ?? fail(40013)
  if (secret !== account.appSecret) throw new ApiError(40125)
  return account
}

/** The appID whose access_token the call brings. 41001 none or several, 40001 unknown or replaced, 42001 expired [CLRAPI]. */
export function bearer(call: Call, world: World): string {
  const token = world.tokens.find(call.query('access_token') ?? fail(41001))
  const verdict = world.tokens.judge(token)
  if (verdict === 'expired') throw new ApiError(42001)
  if (token === undefined || verdict !== 'live' || !world.accounts.has(token.appid)) throw new ApiError(40001)
  return token.appid
}

function fail(errcode: 40013 | 41001 | 41002 | 41004): never {
  throw new ApiError(errcode)
}
