import { ApiError } from '../errmsg.js'
import type { Quota } from '../quotas.js'
import type { World } from '../world.js'
import { text } from './call.js'
import { bearer } from './credentials.js'
import type { Endpoint } from './endpoint.js'

/** Ten resets a calendar month [CLRQ]. */
const monthly: Quota = { name: 'clear_quota', per: 'month', limit: 10 }

/** Sets the account's counters to zero. The appid in the body must be the token's own. */
export const clearQuota: Endpoint = {
  method: 'POST',
  path: '/cgi-bin/clear_quota',
  async answer(call, world) {
    const appID = bearer(call, world)
    const { appid } = await call.json()
    if (text(appid) === undefined) throw new ApiError(41002)
    if (appid !== appID) throw new ApiError(40013)
    clear(appID, world)
    return { errcode: 0, errmsg: 'ok' }
  },
}

function clear(appID: string, { quotas }: World): void {
  if (!quotas.take(appID, monthly)) throw new ApiError(48006)
  quotas.clear(appID, monthly.name)
}
