/** What the tests use of co-wechat-api 3.11, which ships no types. */
declare module 'co-wechat-api' {
  export interface CoWechatToken {
    readonly accessToken: string
    readonly expireTime: number
  }

  export default class WechatAPI {
    constructor(appid: string, appsecret: string, getToken?: () => Promise<CoWechatToken>)
    request(url: string, opts?: object, retry?: number): Promise<unknown>
    ensureAccessToken(): Promise<CoWechatToken>
    getAccessToken(): Promise<CoWechatToken>
    getIp(): Promise<{ readonly ip_list: readonly string[] }>
    getUser(openid: string): Promise<{ readonly openid: string }>
    sendText(openid: string, text: string): Promise<unknown>
    uploadMedia(bytes: Buffer, type: string, filename: string, mime: string): Promise<{ readonly media_id: string }>
    getMedia(mediaID: string): Promise<Buffer>
    getTicket(type?: string): Promise<{ readonly ticket: string }>
  }
}
