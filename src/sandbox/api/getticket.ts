import { ApiError } from '../errmsg.js'
import { bearer } from './credentials.js'
import type { Endpoint } from './endpoint.js'

/** The ticket for JS-SDK pages (`jsapi`) or cards (`wx_card`) [TICKET]. */
export const getticket: Endpoint = {
  method: 'GET',
  path: '/cgi-bin/ticket/getticket',
  answer(call, world) {
    const appID = bearer(call, world)
    const type = call.query('type')
    if (type !== 'jsapi' && type !== 'wx_card') throw new ApiError(40097)
    return { errcode: 0, errmsg: 'ok', ...world.tickets.get(appID, type) }
  },
}
