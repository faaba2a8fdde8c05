import { ApiError } from '../errmsg.js'
import { bearer } from './credentials.js'
import type { Endpoint } from './endpoint.js'

/** What is known of a follower. Every well-formed openid follows every account here. */
export const userInfo: Endpoint = {
  method: 'GET',
  path: '/cgi-bin/user/info',
  answer(call, world) {
    bearer(call, world)
    const openid = call.query('openid')
    if (openid === undefined || !/^[\w-]{1,64}$/.test(openid)) throw new ApiError(40003)
    return {
      subscribe: 1,
      openid,
      language: 'zh_CN',
      subscribe_time: 1_700_000_000,
      remark: '',
      groupid: 0,
      tagid_list: [],
    }
  },
}
