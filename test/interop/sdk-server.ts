import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import coWechat, { type CoWechatReply } from 'co-wechat'
import Koa from 'koa'
import { OfficialAccount, ServerRequest } from 'node-easywechat'
import type { Fields } from '../../src/wechat/xml.js'

/** The Token that both SDKs are configured with. */
export const sdkToken = 'sdkToken0815'

/** A program written with one of the SDKs, as it would stand behind WeChat itself, on a real socket. */
export interface SdkServer {
  readonly url: string
  /** What its handler was given, in order. */
  readonly seen: Fields[]
  /** What its handler returns from now on. */
  reply: CoWechatReply
  close(): Promise<void>
}

export type StartSdk = (config?: SdkConfig) => Promise<SdkServer>

export interface SdkConfig {
  readonly appID?: string
  readonly token?: string
  readonly encodingAESKey?: string
}

/** A Koa app with co-wechat's middleware. */
export const startCoWechat: StartSdk = async ({ appID = '', token = sdkToken, encodingAESKey = '' } = {}) => {
  const app = new Koa()
  app.silent = true
  app.use(
    coWechat({ token, appid: appID, encodingAESKey }).middleware(async (message) => {
      sdk.seen.push(message)
      return sdk.reply
    }),
  )
  const sdk: SdkServer = { ...(await serve(app.callback())), seen: [], reply: '' }
  return sdk
}

/** A server of node:http with node-easywechat's official account. */
export const startEasyWechat: StartSdk = async ({ appID = 'wx', token = sdkToken, encodingAESKey = '' } = {}) => {
  const listener: RequestListener = async (request, response) => {
    const app = new OfficialAccount({ app_id: appID, token, aes_key: encodingAESKey })
    app.setRequest(await ServerRequest.createFromIncomingMessage(request))
    const handling = app.getServer().with((message) => {
      sdk.seen.push(message.toObject())
      return sdk.reply
    })
    const answer = await handling.serve()
    response.writeHead(answer.getStatusCode(), answer.getHeaders())
    response.end(answer.getBody())
  }
  const sdk: SdkServer = { ...(await serve(listener)), seen: [], reply: '' }
  return sdk
}

async function serve(listener: RequestListener): Promise<Pick<SdkServer, 'url' | 'close'>> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}
