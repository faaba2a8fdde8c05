import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import type { RouteConfig } from '../../src/config/route-schema.js'
import { handshakeSignature } from '../../src/wechat/signature.js'
import { BackEndServer, json } from '../support/back-end.js'
import { aesKey, RunningHub } from '../support/running-hub.js'

const secret = 'a-secret-of-the-tests'
const token = 'backEndToken'
const common = { match: {}, observe: false, late: 'customer-service', timeout: 60 } as const

const backEnds: BackEndServer[] = []
let running: RunningHub | undefined

afterEach(async () => {
  await running?.close()
  await Promise.all(backEnds.splice(0).map((backEnd) => backEnd.close()))
})

async function backEnd(...args: Parameters<typeof BackEndServer.start>): Promise<BackEndServer> {
  const started = await BackEndServer.start(...args)
  backEnds.push(started)
  return started
}

async function hubWith(routes: readonly RouteConfig[], mode: 'plain' | 'compatible' | 'safe' = 'plain') {
  running = await RunningHub.start({ shop: { routes, mode, encodingAESKey: mode === 'plain' ? [] : [aesKey] } })
  return running
}

describe.each(['plain', 'compatible', 'safe'] as const)('in %s mode', (mode) => {
  it('a JSON back end gets the message, signed, and its reply goes back', async () => {
    const bot = await backEnd(json({ MsgType: 'text', Content: 'hello ]]> 你好' }))
    const { sandbox } = await hubWith([{ ...common, format: 'json', to: `${bot.url}bot?x=1`, secret }], mode)
    const report = await sandbox.push({ message: { Content: '  007', MsgId: '20000000000000000007' } })
    expect(report).toMatchObject({ result: 'reply', reply: { MsgType: 'text', Content: 'hello ]]> 你好' } })

    const [asked] = bot.asked
    const { account, message } = JSON.parse(asked?.body ?? '')
    expect([account, message]).toMatchObject(['shop', { Content: '  007', MsgId: '20000000000000000007' }])
    expect([asked?.path, asked?.query.get('x')]).toEqual(['/bot', '1'])
    const stamp = asked?.headers['x-hub-timestamp']
    const signature = createHmac('sha256', secret).update(`${stamp}.${asked?.body}`).digest('hex')
    expect(asked?.headers['x-hub-signature']).toBe(`sha256=${signature}`)
  })

  it('an XML back end gets what WeChat would send in plain mode, and its reply goes back', async () => {
    const xml = await backEnd(({ body }) => {
      const [, user] = /<FromUserName><!\[CDATA\[(.*?)]]>/.exec(body) ?? []
      return `<xml><ToUserName><![CDATA[${user}]]></ToUserName><FromUserName><![CDATA[gh_1]]></FromUserName><CreateTime>1</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[from XML]]></Content></xml>`
    })
    const { sandbox } = await hubWith([{ ...common, format: 'xml', to: xml.url, token }], mode)
    const push = sandbox.preparePush({ message: { Content: 'hi' } })
    expect(await push.deliver()).toMatchObject({ result: 'reply', reply: { Content: 'from XML' } })

    const [asked] = xml.asked
    const { signature, timestamp = '', nonce = '', openid } = Object.fromEntries(asked?.query ?? [])
    expect(signature).toBe(handshakeSignature(token, timestamp, nonce))
    expect(openid).toBe(push.message['FromUserName'])
    expect(asked?.body).toContain('<Content><![CDATA[hi]]></Content>')
    expect(asked?.body).not.toContain('Encrypt')
  })
})
