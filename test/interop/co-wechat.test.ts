import { describe, expect, it } from 'vitest'
import { aesKey, shop } from '../support/running-hub.js'
import { hubBefore, worksBehindTheHub } from './behind-the-hub.js'
import { startCoWechat } from './sdk-server.js'

const article = {
  title: '标题 & <1>',
  description: '说明',
  picurl: 'http://example.com/1.png',
  url: 'http://example.com/1',
}
const readArticle = { Title: '标题 & <1>', Description: '说明', PicUrl: article.picurl, Url: article.url }

describe('a co-wechat server behind the hub', () => {
  worksBehindTheHub(startCoWechat, [
    { name: 'nothing', returned: '', verdict: { result: 'silent' } },
    text('hello'),
    text('你好 😀\n<b>&amp;</b>'),
    {
      name: 'image',
      returned: { type: 'image', content: { mediaId: 'media-1' } },
      verdict: reply({ MsgType: 'image', Image: { MediaId: 'media-1' } }),
    },
    {
      name: 'voice',
      returned: { type: 'voice', content: { mediaId: 'media-2' } },
      verdict: reply({ MsgType: 'voice', Voice: { MediaId: 'media-2' } }),
    },
    {
      name: 'video',
      returned: { type: 'video', content: { mediaId: 'media-3', title: '视频', description: 'd' } },
      verdict: reply({ MsgType: 'video', Video: { MediaId: 'media-3', Title: '视频', Description: 'd' } }),
    },
    {
      name: 'one article',
      returned: [article],
      verdict: reply({ MsgType: 'news', ArticleCount: '1', Articles: { item: readArticle } }),
    },
    {
      name: 'three articles',
      returned: [article, article, article],
      verdict: reply({ ArticleCount: '3', Articles: { item: [readArticle, readArticle, readArticle] } }),
    },
    {
      name: 'a transfer to customer service',
      returned: { type: 'customerService' },
      verdict: reply({ MsgType: 'transfer_customer_service' }),
    },
    {
      name: 'a transfer to one agent',
      returned: { type: 'customerService', kfAccount: 'test1@test' },
      verdict: reply({ MsgType: 'transfer_customer_service', TransInfo: { KfAccount: 'test1@test' } }),
    },
    {
      // co-wechat does not split it over two sections. The hub passes a reply on word for word, so WeChat reads the same.
      name: 'a text that ends its own CDATA section',
      returned: 'a ]]> b',
      verdict: reply({ MsgType: 'text' }),
    },
    {
      // co-wechat has no way to give the ThumbMediaId that WeChat asks for [REPLY-OLD].
      name: 'music, which WeChat does not take from co-wechat',
      returned: { title: '歌', description: 'd', musicUrl: 'http://example.com/1.mp3', hqMusicUrl: '' },
      verdict: { result: 'unavailable', why: 'The answer has no Music/ThumbMediaId' },
    },
  ])

  it('works as well with an EncodingAESKey of its own: the hub never sends it anything enciphered', async () => {
    const sdk = await startCoWechat({ appID: shop.appID, encodingAESKey: aesKey })
    const running = await hubBefore(sdk, { mode: 'safe', encodingAESKey: [aesKey] })
    sdk.reply = 'hello'
    expect(await running.sandbox.push()).toMatchObject(reply({ Content: 'hello' }))
    await running.close()
    await sdk.close()
  })
})

function text(content: string) {
  return { name: `text ${JSON.stringify(content)}`, returned: content, verdict: reply({ Content: content }) }
}

function reply<T>(fields: T) {
  return { result: 'reply', reply: fields } as const
}
