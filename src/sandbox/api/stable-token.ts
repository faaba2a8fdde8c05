import { ApiError } from '../errmsg.js'
import type { Quota } from '../quotas.js'
import { changeOver, type IssuedToken } from '../tokens.js'
import type { World } from '../world.js'
import { text } from './call.js'
import { authenticate } from './credentials.js'
import type { Endpoint } from './endpoint.js'

/** Both [STABLE]. */
export const minutely: Quota = { name: 'stable_token/minute', per: 'minute', limit: 10_000 }
export const daily: Quota = { name: 'stable_token/day', per: 'day', limit: 500_000 }
const dailyForced: Quota = { name: 'stable_token/force_refresh', per: 'day', limit: 20 }
/** Sooner after the last one a forced call does not refresh, in seconds [STABLE]. */
const forcedGap = 30

/** The same token until its last five minutes; `force_refresh` ends it at once [STABLE, STABLE-OLD]. */
export const stableToken: Endpoint = {
  method: 'POST',
  path: '/cgi-bin/stable_token',
  async answer(call, world) {
    const body = await call.json()
    const given = { appid: text(body['appid']), secret: text(body['secret']), grant_type: text(body['grant_type']) }
    const { appID } = authenticate(given, 'client_credential', world)
    if (!world.quotas.take(appID, minutely)) throw new ApiError(45011)
    if (!world.quotas.take(appID, daily)) throw new ApiError(45009)
    const issued = body['force_refresh'] === true ? forced(appID, world) : steady(appID, world)
    return { access_token: issued.access_token, expires_in: world.tokens.left(issued) }
  },
}

function steady(appID: string, { tokens }: World): IssuedToken {
  const current = tokens.current(appID, 'stable_token')
  if (current !== undefined && tokens.left(current) >= changeOver) return current
  return tokens.issue(appID, 'stable_token')
}

function forced(appID: string, world: World): IssuedToken {
  if (world.tokens.forcedWithin(appID, forcedGap)) return steady(appID, world)
  if (!world.quotas.take(appID, dailyForced)) throw new ApiError(45009)
  return world.tokens.issue(appID, 'stable_token', { atOnce: true, forced: true })
}
