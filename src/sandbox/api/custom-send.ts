import { ApiError } from '../errmsg.js'
import { text } from './call.js'
import { bearer } from './credentials.js'
import type { Endpoint } from './endpoint.js'

/** A customer-service message. It is kept; `GET /sandbox/messages` shows it. */
export const customSend: Endpoint = {
  method: 'POST',
  path: '/cgi-bin/message/custom/send',
  async answer(call, world) {
    const appID = bearer(call, world)
    const message = await call.json()
    if (text(message['touser']) === undefined) throw new ApiError(40003)
    if (text(message['msgtype']) === undefined) throw new ApiError(40008)
    world.messages.add(appID, message)
    return { errcode: 0, errmsg: 'ok' }
  },
}
