import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { MessageIDs } from '../../src/sandbox/push/message-ids.js'
import { readXML } from '../../src/sandbox/push/read-xml.js'
import { writeXML } from '../../src/sandbox/push/write-xml.js'
import { test, xmlFields } from './with-callback.js'
import { shop, start } from './with-sandbox.js'

interface Case {
  readonly id: string
  readonly format: string
  readonly input: { readonly raw: string }
}

const vectors: { cases: readonly Case[] } = JSON.parse(
  readFileSync(new URL('../vectors/push-parsing.json', import.meta.url), 'utf8'),
)
/** Those that WeChat sent line by line. */
const flat = vectors.cases.filter(
  ({ input }) => input.raw.startsWith('<xml><ToUserName>') && input.raw.endsWith('\n</xml>'),
)

describe('a message', () => {
  test('is filled in as WeChat would, and is the same for each follower and account', async ({ scene }) => {
    const { sandbox } = scene
    sandbox.clock.advance(1.9)
    const { message } = sandbox.preparePush()
    expect(message).toEqual({
      ToUserName: expect.stringMatching(/^gh_[0-9a-f]{12}$/),
      FromUserName: expect.stringMatching(/^o[\w-]{27}$/),
      CreateTime: start / 1000 + 1,
      MsgType: 'text',
      MsgId: expect.stringMatching(/^\d{19}$/),
    })
    sandbox.accounts.add({ appID: 'wxother', appSecret: 's', token: 'othertoken' })
    const { ToUserName, FromUserName } = message
    expect(sandbox.preparePush().message).toMatchObject({ ToUserName, FromUserName })
    const others = sandbox.preparePush({ appid: 'wxother', url: scene.callback.url }).message
    expect(others['ToUserName']).not.toBe(ToUserName)
    expect(others['FromUserName']).not.toBe(FromUserName)
  })

  test('keeps what it was given, in place of what would be filled in', async ({ scene }) => {
    const given = { FromUserName: 'o1', ToUserName: 'gh_1', CreateTime: '007', MsgType: 'voice', MsgID: '5' }
    expect(scene.sandbox.preparePush({ message: given }).message).toEqual(given)
    await scene.sandbox.push({ message: given })
    expect((await scene.callback.request(0)).query['openid']).toBe('o1')
  })

  test('is not changed by what becomes of the object it was made of', ({ scene }) => {
    const List = { TemplateId: 'before' }
    const push = scene.sandbox.preparePush({ message: { List } })
    List.TemplateId = 'after'
    expect(push.message['List']).toEqual({ TemplateId: 'before' })
  })

  test('has an id of 64 bits beyond 2^53 that is never repeated, and an event has none', ({ scene }) => {
    const { sandbox } = scene
    const ids = Array.from({ length: 1000 }, () => String(sandbox.preparePush().message['MsgId']))
    expect(new Set(ids).size).toBe(1000)
    for (const id of ids) {
      expect(BigInt(id)).toBeGreaterThan(2n ** 53n)
      expect(BigInt(id)).toBeLessThan(2n ** 63n)
    }
    expect(new Set(ids.map(Number)).size).toBeLessThan(10)
    expect(sandbox.preparePush({ message: { MsgType: 'event', Event: 'subscribe' } }).message).not.toHaveProperty(
      'MsgId',
    )
  })

  test('has ids that another sandbox does not give', () => {
    const starts = Array.from({ length: 50 }, () => BigInt(new MessageIDs().next())).sort((a, b) => (a < b ? -1 : 1))
    for (const [index, id] of starts.slice(1).entries()) expect(id - (starts[index] ?? 0n)).toBeGreaterThan(1_000_000n)
  })
})

describe('a message in XML', () => {
  test.for(flat.map((each) => [each.id, each.input.raw] as const))(
    'is, for %s, what WeChat sent',
    async ([, raw], { scene }) => {
      await scene.sandbox.push({ message: readXML(raw) })
      expect((await scene.callback.request(0)).body.replaceAll('\n', '')).toBe(raw.replaceAll('\n', ''))
    },
  )

  test('was compared with enough of what WeChat sent', () => {
    expect(flat.length).toBeGreaterThan(8)
  })

  test('nests objects and repeats the elements of lists', async ({ scene }) => {
    const List = [{ TemplateId: 'a', PopupScene: 1 }, { TemplateId: 'b' }]
    await scene.sandbox.push({ message: { MsgType: 'event', Event: 'x', SubscribeMsgPopupEvent: { List } } })
    const { body } = await scene.callback.request(0)
    expect(xmlFields(body)['SubscribeMsgPopupEvent']).toEqual({
      List: [{ TemplateId: 'a', PopupScene: '1' }, { TemplateId: 'b' }],
    })
  })

  test.for([
    ['Content', '1234', '<![CDATA[1234]]>'],
    ['EventKey', '1000000', '<![CDATA[1000000]]>'],
    ['Scale', '20', '20'],
    ['Scale', 20, '20'],
    ['Latitude', '30.443105', '30.443105'],
    ['Latitude', -30.5, '-30.5'],
    ['Content', '', '<![CDATA[]]>'],
    ['Content', ' <a&b> ', '<![CDATA[ <a&b> ]]>'],
    ['Content', 'x]]>y]]>', '<![CDATA[x]]]]><![CDATA[>y]]]]><![CDATA[>]]>'],
  ] as const)('has %s %j as %s', async ([name, value, content], { scene }) => {
    await scene.sandbox.push({ message: { [name]: value } })
    expect((await scene.callback.request(0)).body).toContain(`\n<${name}>${content}</${name}>\n`)
  })

  test('is read back by our reader and by another, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'a<>&]["!-\'/ 1你🙂') }), (text) => {
        const xml = writeXML({ Content: text, Inner: { Text: [text, 'x'] } })
        expect(readXML(xml)).toEqual({ Content: text, Inner: { Text: [text, 'x'] } })
        expect(xmlFields(xml)).toMatchObject({ Inner: { Text: [expect.anything(), 'x'] } })
      }),
    )
  })
})

describe('a message in JSON', () => {
  test('has its time and id as bare digits, exact beyond 2^53, and all else as it was given', async ({ scene }) => {
    const List = { TemplateId: 'a', ErrorCode: 0, MsgID: '1864323726461255680' }
    const message = { CreateTime: '1714112445', MsgId: '9007199254740993', MsgType: 'event', Content: '12', List }
    await scene.sandbox.push({ message, format: 'json' })
    const { body } = await scene.callback.request(0)
    expect(body).toContain('"CreateTime":1714112445,')
    expect(body).toMatch(/"MsgId":9007199254740993[,}]/)
    expect(JSON.parse(body)).toMatchObject({ Content: '12', List })
  })

  test('fills in an id as bare digits, too', async ({ scene }) => {
    const push = scene.sandbox.preparePush({ format: 'json' })
    await push.deliver()
    expect((await scene.callback.request(0)).body).toContain(`"MsgId":${push.message['MsgId']}}`)
    expect((await scene.callback.request(0)).body).toContain(`"CreateTime":${start / 1000},`)
  })

  test.for(['007', '1e3', ''])('keeps the id %j, which is no number of JSON, as a text', async (MsgId, { scene }) => {
    await scene.sandbox.push({ message: { MsgId }, format: 'json' })
    expect(JSON.parse((await scene.callback.request(0)).body)).toMatchObject({ MsgId })
  })
})

test('POST /sandbox/push takes all of it, and answers with what became of it', async ({ scene }) => {
  const message = { MsgType: 'event', Event: 'CLICK', EventKey: 'V1', CreateTime: '5', Info: { List: ['a', 'b'] } }
  const order = {
    appid: shop.appID,
    message,
    url: `${scene.callback.url}/x`,
    mode: 'plain',
    format: 'json',
    retries: 0,
  }
  const report = await scene.wx.post('/sandbox/push', { ...order, token: 'another1' })
  expect(report).toEqual({
    deliveries: [{ status: 200, ms: 0, outcome: 'answered', body: 'success' }],
    result: 'silent',
  })
  const { path, body } = await scene.callback.request(0)
  expect(path).toBe('/wx/x')
  expect(JSON.parse(body)).toMatchObject({ ...message, CreateTime: 5 })
})
