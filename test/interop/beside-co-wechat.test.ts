import Koa from 'koa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callback } from '../../src/callback/callback.js'
import { type Listening, listen } from '../../src/http/server.js'
import { type Fields, type PushReport, Sandbox } from '../../src/sandbox/sandbox.js'
import type { Message } from '../../src/wechat/message.js'
import type { Reply } from '../../src/wechat/reply.js'
import { Wechat } from '../../src/wechat/wechat.js'
import { aesKey, shop } from '../support/running-hub.js'
import { modes, verdictIn } from './behind-the-hub.js'
import { pushes } from './pushes.js'
import { type SdkServer, startCoWechat } from './sdk-server.js'

const article = { Title: '标题', Description: 'd', PicUrl: 'http://example.com/1.png', Url: 'http://example.com/' }
const coArticle = { title: '标题', description: 'd', picUrl: 'http://example.com/1.png', url: 'http://example.com/' }

/** A reply for our handler, and the same one for co-wechat's. */
const replies: readonly (readonly [string, Reply | string, string | object])[] = [
  ['nothing', '', ''],
  ['a text', 'hello 你好 😀 <b>&amp;</b>', 'hello 你好 😀 <b>&amp;</b>'],
  ['an image', { MsgType: 'image', Image: { MediaId: 'm1' } }, { type: 'image', content: { mediaId: 'm1' } }],
  ['a voice', { MsgType: 'voice', Voice: { MediaId: 'm2' } }, { type: 'voice', content: { mediaId: 'm2' } }],
  [
    'a video',
    { MsgType: 'video', Video: { MediaId: 'm3', Title: 't', Description: 'd' } },
    { type: 'video', content: { mediaId: 'm3', title: 't', description: 'd' } },
  ],
  ['two articles', { MsgType: 'news', Articles: [article, article] }, [coArticle, coArticle]],
  [
    'a transfer',
    { MsgType: 'transfer_customer_service', TransInfo: { KfAccount: 'a@b' } },
    { type: 'customerService', kfAccount: 'a@b' },
  ],
]

describe.each(modes)('callback() beside co-wechat, in %s mode', (mode) => {
  const settings = { mode, encodingAESKey: aesKey }
  const wechat = new Wechat({ ...shop, ...settings })
  const sandbox = new Sandbox({ accounts: [{ ...shop, ...settings }] })
  const seen: Message[] = []
  let reply: Reply | string = ''
  let own: Listening
  let sdk: SdkServer

  beforeAll(async () => {
    const app = new Koa()
    app.use(
      callback(wechat, (message) => {
        seen.push(message)
        return reply
      }),
    )
    own = await listen(app.callback(), { port: 0, host: '127.0.0.1' })
    sdk = await startCoWechat({ ...shop, encodingAESKey: mode === 'plain' ? '' : aesKey })
  })

  afterAll(async () => {
    await Promise.all([own.drain(), sdk.close(), sandbox.close(), wechat.close()])
  })

  /** The same push for both. */
  async function pushBoth(message: Fields): Promise<{ ours: PushReport; theirs: PushReport }> {
    const push = sandbox.preparePush({ message, url: `http://127.0.0.1:${own.port}/` })
    const ours = await push.deliver()
    return { ours, theirs: await sandbox.push({ message: push.message, url: sdk.url }) }
  }

  it.each(Object.entries(pushes))('both handlers see the same: %s', async (_name, message) => {
    reply = ''
    sdk.reply = ''
    await pushBoth(message)
    expect(sdk.seen).toHaveLength(1)
    expect(seen.splice(0)).toEqual(sdk.seen.splice(0))
  })

  it.each(replies)('both answer %s alike', async (_name, forOurs, forTheirs) => {
    reply = forOurs
    sdk.reply = forTheirs
    const { ours, theirs } = await pushBoth({ Content: 'hi' })
    expect(ours.result).toBe(forOurs === '' ? 'silent' : 'reply')
    expect(verdictIn(ours)).toEqual(verdictIn(theirs))
  })
})
