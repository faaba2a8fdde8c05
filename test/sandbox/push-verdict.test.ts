import { describe, expect } from 'vitest'
import { EnvelopeKey } from '../../src/wechat/envelope.js'
import type { Received } from './receiver.js'
import { encodingAESKey, openid, Scene, sha1OfSorted, test, token } from './with-callback.js'
import { shop } from './with-sandbox.js'

const common = `<ToUserName><![CDATA[${openid}]]></ToUserName><FromUserName>gh_1</FromUserName><CreateTime>1700000000</CreateTime>`
const message = { FromUserName: openid }

function xmlOf(type: string, more = ''): string {
  return `<xml>${common}<MsgType><![CDATA[${type}]]></MsgType>${more}</xml>`
}

const text = xmlOf('text', '<Content><![CDATA[hello]]></Content>')
const fields = { ToUserName: openid, FromUserName: 'gh_1', CreateTime: '1700000000' }

/** An enciphered reply, as an account makes it. */
function envelope(clear: string, nonce: string, change: Readonly<Record<string, string>> = {}): string {
  const encrypt = new EnvelopeKey(change['key'] ?? encodingAESKey).seal(clear, change['appID'] ?? shop.appID)
  const timestamp = change['timestamp'] ?? '1700000001'
  const signature = change['signature'] ?? sha1OfSorted(token, timestamp, nonce, encrypt)
  return `<xml><Encrypt><![CDATA[${encrypt}]]></Encrypt><MsgSignature>${signature}</MsgSignature><TimeStamp>${timestamp}</TimeStamp><Nonce>${nonce}</Nonce></xml>`
}

function answering(scene: Scene, body: string | Buffer | ((received: Received) => string), status = 200): void {
  scene.callback.answer = (received) => {
    received.response.writeHead(status).end(typeof body === 'function' ? body(received) : body)
  }
}

describe('an answer in plain mode', () => {
  test.for(['', 'success'])('%j leaves the user without a reply', async (body, { scene }) => {
    answering(scene, body)
    expect(await scene.sandbox.push({ message })).toEqual({
      deliveries: [{ outcome: 'answered', status: 200, ms: 0, body }],
      result: 'silent',
    })
  })

  test.for([
    ['text', '<Content>hi &amp; &#x4f60;&#22909;</Content>', { Content: 'hi & 你好' }],
    ['text', '<Content><![CDATA[a]]]]><![CDATA[>b]]></Content>', { Content: 'a]]>b' }],
    ['text', '<Content/>', { Content: '' }],
    ['image', '<Image><MediaId>m</MediaId></Image>', { Image: { MediaId: 'm' } }],
    ['voice', '<Voice><MediaId>m</MediaId></Voice>', { Voice: { MediaId: 'm' } }],
    ['video', '<Video>\n<MediaId>m</MediaId>\n<Title>t</Title>\n</Video>', { Video: { MediaId: 'm', Title: 't' } }],
    ['music', '<Music><ThumbMediaId>m</ThumbMediaId></Music>', { Music: { ThumbMediaId: 'm' } }],
    [
      'news',
      '<ArticleCount>2</ArticleCount><Articles><item><Title>1</Title></item><item><Title>2</Title></item></Articles>',
      { ArticleCount: '2', Articles: { item: [{ Title: '1' }, { Title: '2' }] } },
    ],
    ['transfer_customer_service', '', {}],
  ] as const)('is a reply of type %s with %s', async ([type, more, own], { scene }) => {
    const replyText = `<?xml version="1.0"?>\n${xmlOf(type, more)}\n`
    answering(scene, replyText)
    const report = await scene.sandbox.push({ message })
    expect(report).toMatchObject({ result: 'reply', reply: { ...fields, MsgType: type, ...own }, replyText })
    expect(report).not.toHaveProperty('why')
  })

  test.for([
    [/does not begin with <xml>/, 'hello'],
    [/does not begin with <xml>/, 'success\n'],
    [/does not begin with <xml>/, '"success"'],
    [/does not begin with <xml>/, `{"ToUserName":"${openid}","MsgType":"text","Content":"hi"}`],
    [/does not begin with <xml>/, `\uFEFF${text}`],
    [/ends too early/, text.slice(0, -3)],
    [/goes on after <\/xml>/, `${text}x`],
    [/does not begin with <xml>/, `<!DOCTYPE xml [<!ENTITY a "b">]>${text}`],
    [/no plain name/, text.replace('<Content>', '<Content a="b">')],
    [/begins no entity/, text.replace('<![CDATA[hello]]>', '&hello;')],
    [/XML cannot hold/, text.replace('hello', '\u0001')],
    [/begins no entity/, text.replace('<![CDATA[hello]]>', '&#0;')],
    [/begins no entity/, text.replace('<![CDATA[hello]]>', '&#x1;')],
    [/no <\/Content> where it belongs/, text.replace('</Content>', '</Contents>')],
    [/a text in place of fields/, '<xml>hello</xml>'],
    [/a text beside the fields of <xml>/, text.replace('<Content>', 'hello<Content>')],
    [/nested too deep/, `<xml>${'<a>'.repeat(100_000)}`],
    [/ToUserName that is not the FromUserName/, text.replace(openid, 'gh_1')],
    [/no FromUserName/, text.replace('gh_1', '')],
    [/CreateTime that is no whole number/, text.replace('>1700000000<', '>now<')],
    [/no MsgType/, xmlOf('', '')],
    [/MsgType that is none of text, image/, xmlOf('constructor', '')],
    [/no Content/, xmlOf('text', '')],
    [/no Image\/MediaId/, xmlOf('image', '<Image>m</Image>')],
    [/no Articles\/item/, xmlOf('news', '<ArticleCount>1</ArticleCount><Articles></Articles>')],
    [/no ToUserName/, '<xml></xml>'],
  ] as const)('makes the account unavailable: %s', async ([why, body], { scene }) => {
    answering(scene, body)
    const report = await scene.sandbox.push({ message })
    expect(report).toMatchObject({ result: 'unavailable', why: expect.stringMatching(/^The answer /) })
    expect(report.why).toMatch(why)
    expect(report).not.toHaveProperty('reply')
  })

  test.for([201, 204, 302, 404, 500])('makes the account unavailable with the status %i', async (status, { scene }) => {
    answering(scene, status === 204 ? '' : 'success', status)
    const report = await scene.sandbox.push({ message })
    expect(report).toMatchObject({ result: 'unavailable', why: `The answer has the status ${status}, not 200` })
    expect(scene.callback.received).toHaveLength(1)
  })

  test('makes the account unavailable when it is not UTF-8', async ({ scene }) => {
    answering(scene, Buffer.from(text.replace('hello', 'caf\u00e9'), 'latin1'))
    expect(await scene.sandbox.push({ message })).toMatchObject({ why: 'The answer is not UTF-8' })
  })

  test('makes the account unavailable when it is enciphered', async ({ scene }) => {
    answering(scene, ({ query }) => envelope(text, query['nonce'] ?? ''))
    expect((await scene.sandbox.push({ message })).why).toContain('but the account is in plain mode')
  })

  test('is reported up to 64 KiB, and read up to 1 MiB', async ({ scene }) => {
    const long = xmlOf('text', `<Content>${'x'.repeat(100_000)}</Content>`)
    answering(scene, long)
    const report = await scene.sandbox.push({ message })
    expect(report).toMatchObject({ result: 'reply', replyText: long })
    expect(report.deliveries[0]?.body).toBe(long.slice(0, 65_536))
    answering(scene, Buffer.alloc(1024 * 1024 + 1, 'x'))
    expect((await scene.sandbox.push({ message })).why).toBe('The answer is longer than 1 MiB')
  })

  test('is read in a time that grows no faster than its length', async ({ scene }) => {
    answering(scene, xmlOf('text', `<Content>x</Content>${'<a/>'.repeat(200_000)}`))
    expect((await scene.sandbox.push({ message })).reply?.['a']).toHaveLength(200_000)
  })
})

describe.each(['compatible', 'safe'] as const)('an answer in %s mode', (mode) => {
  test('is deciphered', async ({ scene }) => {
    answering(scene, ({ query }) => envelope(text, query['nonce'] ?? ''))
    const report = await scene.sandbox.push({ message, mode, encodingAESKey })
    expect(report).toMatchObject({ result: 'reply', reply: { ...fields, Content: 'hello' }, replyText: text })
  })

  test.for(['', 'success'])('%j may be in clear or enciphered', async (body, { scene }) => {
    answering(scene, body)
    expect((await scene.sandbox.push({ message, mode, encodingAESKey })).result).toBe('silent')
    answering(scene, envelope(body, '1'))
    expect((await scene.sandbox.push({ message, mode, encodingAESKey })).result).toBe('silent')
  })

  test.for([
    [{ signature: '0'.repeat(40) }, /wrong MsgSignature/],
    [{ timestamp: 'now' }, /TimeStamp/],
    [{ key: 'a'.repeat(43) }, /does not open/],
    [{ appID: 'wxother' }, /does not open/],
  ] as const)('makes the account unavailable with %j', async ([change, why], { scene }) => {
    answering(scene, ({ query }) => envelope(text, query['nonce'] ?? '', change))
    const report = await scene.sandbox.push({ message, mode, encodingAESKey })
    expect(report.result).toBe('unavailable')
    expect(report.why).toMatch(why)
  })

  test('makes the account unavailable without a Nonce, and when it is for someone else', async ({ scene }) => {
    answering(scene, envelope(text, ''))
    expect((await scene.sandbox.push({ message, mode, encodingAESKey })).why).toContain('no Nonce')
    answering(scene, envelope(text.replace(openid, 'o1'), '1'))
    expect((await scene.sandbox.push({ message, mode, encodingAESKey })).why).toContain('ToUserName')
  })
})

test('a reply in clear is taken in compatible mode, not in safe mode', async ({ scene }) => {
  answering(scene, text)
  const compatible = await scene.sandbox.push({ message, mode: 'compatible', encodingAESKey })
  expect(compatible).toMatchObject({ result: 'reply', replyText: text })
  const safe = await scene.sandbox.push({ message, mode: 'safe', encodingAESKey })
  expect(safe).toMatchObject({ result: 'unavailable', why: 'The answer is in clear, but the account is in safe mode' })
})

describe('an answer in JSON', () => {
  const reply = { ToUserName: openid, FromUserName: 'gh_1', CreateTime: 1, MsgType: 'transfer_customer_service' }

  test('is read when the account has chosen JSON', async ({ scene }) => {
    answering(scene, JSON.stringify(reply))
    expect(await scene.sandbox.push({ message, format: 'json' })).toMatchObject({
      result: 'reply',
      reply: { ...reply, CreateTime: '1' },
      replyText: JSON.stringify(reply),
    })
  })

  test('is deciphered', async ({ scene }) => {
    const Encrypt = new EnvelopeKey(encodingAESKey).seal(JSON.stringify(reply), shop.appID)
    const MsgSignature = sha1OfSorted(token, '5', '6', Encrypt)
    answering(scene, JSON.stringify({ Encrypt, MsgSignature, TimeStamp: 5, Nonce: '6' }))
    const report = await scene.sandbox.push({ message, format: 'json', mode: 'safe', encodingAESKey })
    expect(report).toMatchObject({ result: 'reply', reply: { MsgType: 'transfer_customer_service' } })
  })

  test.for([
    ['[]', /no JSON object/],
    ['"success"', /no JSON object/],
    [text, /no JSON/],
    [JSON.stringify({ ...reply, Content: null }), /no text, number/],
    [`{"a":${'['.repeat(50)}${']'.repeat(50)}}`, /nested too deep/],
    [JSON.stringify({ ...reply, ToUserName: 'o1' }), /ToUserName/],
  ] as const)('makes the account unavailable when it is %s', async ([body, why], { scene }) => {
    answering(scene, body)
    const report = await scene.sandbox.push({ message, format: 'json' })
    expect(report.result).toBe('unavailable')
    expect(report.why).toMatch(why)
  })

  test('is malformed to an account that has chosen XML', async () => {
    const scene = await Scene.open({ format: 'xml' })
    answering(scene, JSON.stringify(reply))
    const { result } = await scene.sandbox.push({ message })
    await scene.close()
    expect(result).toBe('unavailable')
  })
})
