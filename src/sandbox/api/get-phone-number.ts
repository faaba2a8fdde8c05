import { ApiError } from '../errmsg.js'
import { text } from './call.js'
import { bearer } from './credentials.js'
import type { Endpoint } from './endpoint.js'

/** The phone number behind a code of the phone button [PHONE]. Here it is any code of `POST /sandbox/codes`, and the number is made up. */
export const getPhoneNumber: Endpoint = {
  method: 'POST',
  path: '/wxa/business/getuserphonenumber',
  async answer(call, world) {
    const appid = bearer(call, world)
    const body = await call.json()
    const [code, openid] = [text(body['code']), text(body['openid'])]
    if (code === undefined) throw new ApiError(41008)
    const session = world.codes.redeem(appid, code)
    if (session === 'used' || session === 'invalid') throw new ApiError(40029)
    if (openid !== undefined && openid !== session.openid) throw new ApiError(40003)
    const purePhoneNumber = '13800138000'
    const watermark = { timestamp: Math.floor(world.clock.now() / 1000), appid }
    const phone_info = { phoneNumber: purePhoneNumber, purePhoneNumber, countryCode: '86', watermark }
    return { errcode: 0, errmsg: 'ok', phone_info }
  },
}
