import { describe, expect, it } from 'vitest'
import { aesKey, shop } from '../support/running-hub.js'
import { hubBefore, worksBehindTheHub } from './behind-the-hub.js'
import { type SdkServer, startEasyWechat } from './sdk-server.js'

const article = {
  Title: '标题 & <1>',
  Description: '说明',
  PicUrl: 'http://example.com/1.png',
  Url: 'http://example.com/1',
}
const transfer = { MsgType: 'transfer_customer_service' }

describe('a node-easywechat server behind the hub', () => {
  worksBehindTheHub(startEasyWechat, [
    { name: 'nothing', returned: '', verdict: { result: 'silent' } },
    { ...sameAsReturned('text', { MsgType: 'text', Content: 'hello' }), returned: 'hello' },
    sameAsReturned('text with the end of a CDATA section', { MsgType: 'text', Content: '你好 😀\n<b>&amp;</b> ]]> ' }),
    sameAsReturned('image', { MsgType: 'image', Image: { MediaId: 'media-1' } }),
    sameAsReturned('voice', { MsgType: 'voice', Voice: { MediaId: 'media-2' } }),
    sameAsReturned('video', { MsgType: 'video', Video: { MediaId: 'media-3', Title: '视频', Description: ']]>' } }),
    sameAsReturned('music', {
      MsgType: 'music',
      Music: { Title: '歌', MusicUrl: 'http://example.com/?a=1&b=2', ThumbMediaId: 'thumb-1' },
    }),
    sameAsReturned('one article', { MsgType: 'news', ArticleCount: '1', Articles: { item: article } }),
    sameAsReturned('two articles', { MsgType: 'news', ArticleCount: '2', Articles: { item: [article, article] } }),
    sameAsReturned('a transfer to customer service', transfer),
    sameAsReturned('a transfer to one agent', { ...transfer, TransInfo: { KfAccount: 'test1@test' } }),
  ])

  it('that enciphers its replies gets them refused, and the log says what to change', async () => {
    const sdk = await startEasyWechat({ appID: shop.appID, encodingAESKey: aesKey })
    const running = await hubBefore(sdk, { mode: 'safe', encodingAESKey: [aesKey] })
    sdk.reply = 'hello'
    expect(await running.sandbox.push()).toMatchObject({ result: 'silent' })
    expect(running.logLines.join('')).toContain('its reply is encrypted; set it to plain mode')
    await running.close()
    await sdk.close()
  })

  it('hands a conversation with a mini program over: the one passive reply of its kind', async () => {
    const sdk: SdkServer = await startEasyWechat()
    const running = await hubBefore(sdk, { type: 'miniprogram' })
    sdk.reply = transfer
    expect(await running.sandbox.push()).toMatchObject({ result: 'reply', reply: transfer })
    await running.close()
    await sdk.close()
  })
})

function sameAsReturned<T extends object>(name: string, returned: T) {
  return { name, returned, verdict: { result: 'reply', reply: returned } } as const
}
