import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type ImageReply,
  type NewsReply,
  type Reply,
  readReply,
  readReplyXml,
  reply,
  type TextReply,
  writeReply,
} from '../../src/wechat/reply.js'

const address = { to: 'o1', from: 'gh_1', createTime: 1714112445 }

/** The documented form of a reply, with the elements that are its own. */
function xml(type: string, own: string): string {
  return (
    '<xml><ToUserName><![CDATA[o1]]></ToUserName><FromUserName><![CDATA[gh_1]]></FromUserName>' +
    `<CreateTime>1714112445</CreateTime><MsgType><![CDATA[${type}]]></MsgType>${own}</xml>`
  )
}

const article = { Title: 'T', Description: 'D', PicUrl: 'https://p/1.jpg', Url: 'https://u/?a=1&b=2' }
const articleXml =
  '<item><Title><![CDATA[T]]></Title><Description><![CDATA[D]]></Description><PicUrl><![CDATA[https://p/1.jpg]]></PicUrl>' +
  '<Url><![CDATA[https://u/?a=1&b=2]]></Url></item>'

/** What each builder makes, and its XML. */
const forms: [string, Reply, Reply, string][] = [
  ['text', reply.text('hi'), { MsgType: 'text', Content: 'hi' }, xml('text', '<Content><![CDATA[hi]]></Content>')],
  [
    'image',
    reply.image('m1'),
    { MsgType: 'image', Image: { MediaId: 'm1' } },
    xml('image', '<Image><MediaId><![CDATA[m1]]></MediaId></Image>'),
  ],
  [
    'voice',
    reply.voice('m1'),
    { MsgType: 'voice', Voice: { MediaId: 'm1' } },
    xml('voice', '<Voice><MediaId><![CDATA[m1]]></MediaId></Voice>'),
  ],
  [
    'video',
    reply.video('m1', { title: 'T', description: 'D' }),
    { MsgType: 'video', Video: { MediaId: 'm1', Title: 'T', Description: 'D' } },
    xml(
      'video',
      '<Video><MediaId><![CDATA[m1]]></MediaId><Title><![CDATA[T]]></Title><Description><![CDATA[D]]></Description></Video>',
    ),
  ],
  [
    'video of an id alone',
    reply.video('m1'),
    { MsgType: 'video', Video: { MediaId: 'm1' } },
    xml('video', '<Video><MediaId><![CDATA[m1]]></MediaId></Video>'),
  ],
  [
    'music',
    reply.music({ title: 'T', description: 'D', musicUrl: 'https://m', hqMusicUrl: 'https://h', thumbMediaId: 't1' }),
    {
      MsgType: 'music',
      Music: { Title: 'T', Description: 'D', MusicUrl: 'https://m', HQMusicUrl: 'https://h', ThumbMediaId: 't1' },
    },
    xml(
      'music',
      '<Music><Title><![CDATA[T]]></Title><Description><![CDATA[D]]></Description><MusicUrl><![CDATA[https://m]]></MusicUrl>' +
        '<HQMusicUrl><![CDATA[https://h]]></HQMusicUrl><ThumbMediaId><![CDATA[t1]]></ThumbMediaId></Music>',
    ),
  ],
  [
    'music of a thumb alone',
    reply.music({ thumbMediaId: 't1' }),
    { MsgType: 'music', Music: { ThumbMediaId: 't1' } },
    xml('music', '<Music><ThumbMediaId><![CDATA[t1]]></ThumbMediaId></Music>'),
  ],
  [
    'news',
    reply.news([
      { title: 'T', description: 'D', picUrl: 'https://p/1.jpg', url: 'https://u/?a=1&b=2' },
      { title: 'T', description: 'D', picUrl: 'https://p/1.jpg', url: 'https://u/?a=1&b=2' },
    ]),
    { MsgType: 'news', Articles: [article, article] },
    xml('news', `<ArticleCount>2</ArticleCount><Articles>${articleXml}${articleXml}</Articles>`),
  ],
  [
    'transfer to an agent',
    reply.transferCustomerService('a@b'),
    { MsgType: 'transfer_customer_service', TransInfo: { KfAccount: 'a@b' } },
    xml('transfer_customer_service', '<TransInfo><KfAccount><![CDATA[a@b]]></KfAccount></TransInfo>'),
  ],
  [
    'transfer',
    reply.transferCustomerService(),
    { MsgType: 'transfer_customer_service' },
    xml('transfer_customer_service', ''),
  ],
]

describe.each(forms)('a reply: %s', (_name, built, expected, written) => {
  it('is built in WeChat’s names', () => {
    expect(built).toStrictEqual(expected)
  })

  it('is written as documented', () => {
    expect(writeReply(built, address)).toBe(written)
  })

  it('is read back from its XML', () => {
    expect(readReplyXml(written)).toStrictEqual(expected)
    expect(readReplyXml(`<?xml version="1.0" encoding="UTF-8"?>\n${written}\n`)).toStrictEqual(expected)
  })

  it('is read back from its JSON, without what a back end adds', () => {
    const envelope = { ToUserName: 'o9', FromUserName: 'gh_9', CreateTime: 7, MsgId: '8', ArticleCount: 9, More: [] }
    expect(readReply(JSON.parse(JSON.stringify(built)))).toStrictEqual(expected)
    expect(readReply({ ...envelope, ...built })).toStrictEqual(expected)
  })
})

describe('a builder', () => {
  it('has the type of its reply', () => {
    expectTypeOf(reply.text('a')).toEqualTypeOf<TextReply>()
    expectTypeOf(reply.image('a')).toEqualTypeOf<ImageReply>()
    expectTypeOf(reply.news([{ title: 'a' }])).toEqualTypeOf<NewsReply>()
    expect(reply.news([{ title: 'a', description: undefined }])).toStrictEqual({
      MsgType: 'news',
      Articles: [{ Title: 'a' }],
    })
  })

  const long = Array.from({ length: 9 }, (_, n) => ({ title: `${n}` }))
  const wrong: [string, () => Reply, string][] = [
    ['an empty text', () => reply.text(''), '"Content" of a reply must be a non-empty string'],
    ['an empty id of an image', () => reply.image(''), '"Image.MediaId" of a reply must be a non-empty string'],
    ['an empty id of a voice', () => reply.voice(''), '"Voice.MediaId" of a reply must be a non-empty string'],
    ['an empty id of a video', () => reply.video(''), '"Video.MediaId" of a reply must be a non-empty string'],
    [
      'no thumb of a music',
      () => reply.music({ thumbMediaId: '' }),
      '"Music.ThumbMediaId" of a reply must be a non-empty string',
    ],
    ['no articles', () => reply.news([]), '"Articles" of a reply must be a list of 1 to 8 articles'],
    ['9 articles', () => reply.news(long), '"Articles" of a reply must be a list of 1 to 8 articles'],
    [
      'an article without a title',
      () => reply.news([{ title: 'a' }, { title: '' }]),
      '"Articles[1].Title" of a reply must be a non-empty string',
    ],
    [
      'an empty agent',
      () => reply.transferCustomerService(''),
      '"TransInfo.KfAccount" of a reply must be a non-empty string',
    ],
  ]

  it.each(wrong)('refuses %s', (_what, build, sentence) => {
    expect(build).toThrow(new TypeError(sentence))
  })

  it('takes 8 articles', () => {
    expect(reply.news(long.slice(0, 8)).Articles.length).toBe(8)
  })
})

describe('writing', () => {
  it('passes a text on whole, whatever is in it', () => {
    const content = ` ]]> <a href="x">&amp;\n${'长'.repeat(5000)}]]>]]>😀 `
    const written = writeReply(reply.text(content), address)
    expect(readReplyXml(written)).toEqual({ MsgType: 'text', Content: content })
    expect(written).toContain('<Content><![CDATA[ ]]]]><![CDATA[> <a href="x">&amp;\n长')
  })

  it('leaves no way out of an element', () => {
    const breakout = ']]></Content><MsgType>image</MsgType><Content><![CDATA['
    expect(readReplyXml(writeReply(reply.text(breakout), address))).toEqual({ MsgType: 'text', Content: breakout })
  })

  it('writes all four elements of an article, if empty', () => {
    expect(writeReply(reply.news([{ title: 'T' }]), address)).toBe(
      xml(
        'news',
        '<ArticleCount>1</ArticleCount><Articles><item><Title><![CDATA[T]]></Title><Description><![CDATA[]]></Description>' +
          '<PicUrl><![CDATA[]]></PicUrl><Url><![CDATA[]]></Url></item></Articles>',
      ),
    )
  })

  it('writes no element but those of replies', () => {
    const more: Reply = Object.assign(reply.image('m1'), { Evil: 'x', 'a><b': 'y' })
    expect(writeReply(more, address)).toBe(xml('image', '<Image><MediaId><![CDATA[m1]]></MediaId></Image>'))
    const inside: Reply = { MsgType: 'image', Image: Object.assign({ MediaId: 'm1' }, { 'a><b': 'y' }) }
    expect(writeReply(inside, address)).toBe(xml('image', '<Image><MediaId><![CDATA[m1]]></MediaId></Image>'))
  })

  it('refuses what is no reply', () => {
    expect(() => writeReply({ MsgType: 'text', Content: '' }, address)).toThrow(TypeError)
  })
})

describe('reading what a handler or a JSON back end gave', () => {
  const secret = 'S3cret-value'
  const types = 'text, image, voice, video, music, news, transfer_customer_service'
  const wrong: [unknown, string][] = [
    [undefined, 'a reply must be an object with a "MsgType"'],
    [null, 'a reply must be an object with a "MsgType"'],
    [secret, 'a reply must be an object with a "MsgType"'],
    [[secret], 'a reply must be an object with a "MsgType"'],
    [{}, `"MsgType" of a reply must be one of ${types}`],
    [{ MsgType: secret }, `"MsgType" of a reply must be one of ${types}`],
    [{ MsgType: 'constructor' }, `"MsgType" of a reply must be one of ${types}`],
    [{ MsgType: '__proto__' }, `"MsgType" of a reply must be one of ${types}`],
    [{ MsgType: ['text'], Content: secret }, `"MsgType" of a reply must be one of ${types}`],
    [{ MsgType: 'text' }, '"Content" of a reply must be a non-empty string'],
    [{ MsgType: 'text', content: secret }, '"Content" of a reply must be a non-empty string'],
    [{ MsgType: 'text', Content: 7 }, '"Content" of a reply must be a non-empty string'],
    [{ MsgType: 'text', Content: { toString: secret } }, '"Content" of a reply must be a non-empty string'],
    [{ MsgType: 'image', MediaId: secret }, '"Image" of a reply must be an object'],
    [{ MsgType: 'image', Image: secret }, '"Image" of a reply must be an object'],
    [{ MsgType: 'image', Image: [secret] }, '"Image" of a reply must be an object'],
    [{ MsgType: 'voice', Voice: { MediaId: null } }, '"Voice.MediaId" of a reply must be a non-empty string'],
    [{ MsgType: 'video' }, '"Video" of a reply must be an object'],
    [{ MsgType: 'video', Video: { MediaId: 'm', Title: 7 } }, '"Video.Title" of a reply must be a string'],
    [{ MsgType: 'music', Music: null }, '"Music" of a reply must be an object'],
    [{ MsgType: 'music', Music: { ThumbMediaId: 't', MusicUrl: {} } }, '"Music.MusicUrl" of a reply must be a string'],
    [{ MsgType: 'news', Articles: { item: [article] } }, '"Articles" of a reply must be a list of 1 to 8 articles'],
    [{ MsgType: 'news', Articles: Array(9).fill(article) }, '"Articles" of a reply must be a list of 1 to 8 articles'],
    [{ MsgType: 'news', Articles: [article, secret] }, '"Articles[1]" of a reply must be an object'],
    [{ MsgType: 'news', Articles: [{ Title: 'T', Url: 7 }] }, '"Articles[0].Url" of a reply must be a string'],
    [{ MsgType: 'transfer_customer_service', TransInfo: secret }, '"TransInfo" of a reply must be an object'],
    [
      { MsgType: 'transfer_customer_service', TransInfo: {} },
      '"TransInfo.KfAccount" of a reply must be a non-empty string',
    ],
  ]

  it.each(wrong)('refuses %j', (value, sentence) => {
    expect(() => readReply(value)).toThrow(new TypeError(sentence))
  })

  it('takes null for a field that is not set', () => {
    const video = { MediaId: 'm', Title: null, Description: null }
    expect(readReply({ MsgType: 'video', Video: video })).toStrictEqual({ MsgType: 'video', Video: { MediaId: 'm' } })
    const transfer = { MsgType: 'transfer_customer_service', TransInfo: null }
    expect(readReply(transfer)).toStrictEqual({ MsgType: 'transfer_customer_service' })
  })

  it('takes an empty text where one may be missing', () => {
    const news = { MsgType: 'news', Articles: [{ Title: 'T', Description: '' }] }
    expect(readReply(news)).toStrictEqual(news)
  })

  it('is not fooled by a field called __proto__', () => {
    const inherited: unknown = JSON.parse('{"__proto__": {"MsgType": "text", "Content": "hi"}}')
    expect(() => readReply(inherited)).toThrow(TypeError)
    const own: unknown = JSON.parse('{"MsgType": "text", "Content": "hi", "__proto__": {"polluted": "yes"}}')
    expect(readReply(own)).toStrictEqual({ MsgType: 'text', Content: 'hi' })
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})

describe('reading what an XML back end answered', () => {
  it('takes one article or several', () => {
    const one = { MsgType: 'news', Articles: [article] }
    expect(readReplyXml(xml('news', `<ArticleCount>1</ArticleCount><Articles>${articleXml}</Articles>`))).toEqual(one)
    const all = readReplyXml(xml('news', `<Articles>${articleXml.repeat(8)}</Articles>`))
    expect(all).toEqual({ MsgType: 'news', Articles: Array(8).fill(article) })
  })

  it('takes the first 8 of more articles, as WeChat does', () => {
    const read = readReplyXml(xml('news', `<ArticleCount>9</ArticleCount><Articles>${articleXml.repeat(9)}</Articles>`))
    expect(read).toEqual({ MsgType: 'news', Articles: Array(8).fill(article) })
  })

  it('takes texts that are in no CDATA', () => {
    const text = '<xml>\n <MsgType>text</MsgType>\n <Content>1 &lt; 2</Content>\n</xml>'
    expect(readReplyXml(text)).toEqual({ MsgType: 'text', Content: '1 < 2' })
  })

  it.each(['<TransInfo></TransInfo>', '<TransInfo/>', '<TransInfo><KfAccount></KfAccount></TransInfo>'])(
    'hands over to any agent for %s',
    (own) => {
      const read = readReplyXml(xml('transfer_customer_service', own))
      expect(read).toStrictEqual({ MsgType: 'transfer_customer_service' })
    },
  )

  it.each([
    '',
    'success',
    'SUCCESS',
    '{"MsgType": "text", "Content": "hi"}',
    '<html><body>502 Bad Gateway</body></html>',
    '<xml></xml>',
    '<xml>text</xml>',
    '<xml><MsgType>text</MsgType></xml>',
    '<xml><MsgType>text</MsgType><Content></Content></xml>',
    '<xml><MsgType>text</MsgType><Content>a</Content><Content>b</Content></xml>',
    '<xml><MsgType>text</MsgType><MsgType>text</MsgType><Content>a</Content></xml>',
    '<xml><MsgType>toString</MsgType><Content>a</Content></xml>',
    '<xml><MsgType>image</MsgType><Image>m1</Image></xml>',
    '<xml><MsgType>news</MsgType><ArticleCount>0</ArticleCount></xml>',
    '<xml><MsgType>news</MsgType><Articles></Articles></xml>',
    '<xml><MsgType>news</MsgType><Articles><item></item></Articles></xml>',
    '<xml><MsgType>text</MsgType><Content>hi</Content>',
    '<!DOCTYPE x [<!ENTITY e "hi">]><xml><MsgType>text</MsgType><Content>&e;</Content></xml>',
    '<xml><Encrypt>RypEvHKD8QQ</Encrypt><MsgSignature>a</MsgSignature></xml>',
  ])('takes %j for none', (text) => {
    expect(readReplyXml(text)).toBe(undefined)
  })
})
