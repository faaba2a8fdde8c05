import WechatAPI from 'co-wechat-api'
import type { ApiSdk, HubPlace } from './api-sdk.js'

/** co-wechat-api pointed at the hub as docs/sdk/co-wechat-api.md has it, and how often it has repeated a call by itself. */
export interface CoWechatSdk extends ApiSdk {
  /** The most times that it has repeated one call. */
  readonly mostRepeated: number
  readonly api: WechatAPI
}

export function createCoWechatApi({ url: hub, appID, key }: HubPlace): CoWechatSdk {
  let mostRepeated = 0
  class HubAPI extends WechatAPI {
    override request(url: string, opts?: object, retry?: number): Promise<unknown> {
      // It counts down from three.
      mostRepeated = Math.max(mostRepeated, 3 - (retry ?? 3))
      return super.request(url.replace('https://api.weixin.qq.com', hub), opts, retry)
    }
  }
  const api = new HubAPI(appID, key)
  return {
    api,
    get mostRepeated() {
      return mostRepeated
    },
    ip: async () => (await api.getIp()).ip_list[0] ?? '',
    user: async (openid) => (await api.getUser(openid)).openid,
    async send(openid, text) {
      await api.sendText(openid, text)
    },
    upload: async (bytes) => (await api.uploadMedia(bytes, 'image', 'a.png', 'image/png')).media_id,
    download: (mediaID) => api.getMedia(mediaID),
    ticket: async () => (await api.getTicket()).ticket,
    token: async () => (await api.ensureAccessToken()).accessToken,
  }
}
