import type { CoWechatReply } from 'co-wechat'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RouteConfig } from '../../src/config/route-schema.js'
import type { Fields, PushOrder, PushReport } from '../../src/sandbox/sandbox.js'
import { aesKey, RunningHub, type RunningHubOptions } from '../support/running-hub.js'
import { pushes } from './pushes.js'
import { type SdkServer, type StartSdk, sdkToken } from './sdk-server.js'

export const modes = ['plain', 'compatible', 'safe'] as const

/** A reply as an SDK's handler returns it, and what WeChat makes of it. */
export interface ReplyCase {
  readonly name: string
  readonly returned: CoWechatReply
  readonly verdict: { readonly result: PushReport['result']; readonly reply?: Fields; readonly why?: string }
}

/** That a program which is written for WeChat works behind the hub as it does without. */
export function worksBehindTheHub(start: StartSdk, replies: readonly ReplyCase[]): void {
  describe.each(modes)('an account in %s mode', (mode) => {
    let sdk: SdkServer
    let running: RunningHub

    beforeAll(async () => {
      sdk = await start()
      running = await hubBefore(sdk, { mode, encodingAESKey: mode === 'plain' ? [] : [aesKey] })
    })

    afterAll(async () => {
      await running.close()
      await sdk.close()
    })

    /** The same message as if WeChat called the SDK itself. */
    const withoutHub = (message: Fields): PushOrder => ({ message, url: sdk.url, token: sdkToken, mode: 'plain' })

    it.each(Object.entries(pushes))('sees what WeChat sent: %s', async (_name, message) => {
      sdk.reply = ''
      const push = running.sandbox.preparePush({ message })
      expect(await push.deliver()).toMatchObject({ result: 'silent' })
      expect(sdk.seen).toEqual([push.message].map(asTexts))
      await running.sandbox.push(withoutHub(push.message))
      expect(sdk.seen.splice(0)[1]).toEqual(asTexts(push.message))
    })

    it.each(replies)('answers WeChat: $name', async ({ returned, verdict }) => {
      sdk.reply = returned
      const push = running.sandbox.preparePush()
      const report = await push.deliver()
      expect(report).toMatchObject(verdict)
      expect(verdictIn(report)).toEqual(verdictIn(await running.sandbox.push(withoutHub(push.message))))
      expect(sdk.seen.splice(0)).toHaveLength(2)
    })
  })
}

/** A hub that sends all that the account `shop` is pushed to the SDK. */
export function hubBefore(sdk: SdkServer, shop: RunningHubOptions['shop']): Promise<RunningHub> {
  const route: RouteConfig = {
    ...{ match: {}, observe: false, late: 'customer-service', timeout: 60 },
    ...{ format: 'xml', to: sdk.url, token: sdkToken },
  }
  return RunningHub.start({ shop: { ...shop, routes: [route] } })
}

function asTexts(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]),
  )
}

/** Without the time, which is never the same. */
export function verdictIn({ result, reply, why }: PushReport) {
  return { result, why, reply: { ...reply, CreateTime: '' } }
}
