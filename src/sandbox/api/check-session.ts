import { ApiError } from '../errmsg.js'
import { bearer } from './credentials.js'
import type { Endpoint } from './endpoint.js'

/** Whether a session_key is still the user's, shown by a signature that it made [MPCS]. The next login code ends it. */
export const checkSession: Endpoint = {
  method: 'GET',
  path: '/wxa/checksession',
  answer(call, world) {
    const appID = bearer(call, world)
    const [openid, signature, method] = [call.query('openid'), call.query('signature'), call.query('sig_method')]
    if (method !== 'hmac_sha256') throw new ApiError(87008)
    if (!world.codes.isSigned(appID, openid ?? '', signature ?? '')) throw new ApiError(87009)
    return { errcode: 0, errmsg: 'ok' }
  },
}
