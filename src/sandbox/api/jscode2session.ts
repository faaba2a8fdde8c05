import { ApiError } from '../errmsg.js'
import { authenticate } from './credentials.js'
import type { Endpoint } from './endpoint.js'

/** A mini program's login: a code, good once and for 300 s, becomes a session [C2S, LOGIN]. */
export const jscode2session: Endpoint = {
  method: 'GET',
  path: '/sns/jscode2session',
  answer(call, world) {
    const given = { appid: call.query('appid'), secret: call.query('secret'), grant_type: call.query('grant_type') }
    const { appID } = authenticate(given, 'authorization_code', world)
    const code = call.query('js_code')
    if (code === undefined) throw new ApiError(41008)
    const session = world.codes.redeem(appID, code)
    if (session === 'used') throw new ApiError(40163)
    if (session === 'invalid') throw new ApiError(40029)
    return session
  },
}
