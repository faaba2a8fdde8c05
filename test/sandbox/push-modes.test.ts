import { describe, expect } from 'vitest'
import type { CallbackMode } from '../../src/sandbox/callback-settings.js'
import { silence } from './receiver.js'
import { decrypted, encodingAESKey, openid, Scene, sha1OfSorted, test, token, xmlFields } from './with-callback.js'
import { shop, start } from './with-sandbox.js'

const message = { ToUserName: 'gh_1', FromUserName: openid, CreateTime: 1, Content: '你好', MsgId: '23456789012345678' }
const clearXML = `<xml><ToUserName><![CDATA[gh_1]]></ToUserName>
<FromUserName><![CDATA[${openid}]]></FromUserName>
<CreateTime>1</CreateTime>
<MsgType><![CDATA[text]]></MsgType>
<Content><![CDATA[你好]]></Content>
<MsgId>23456789012345678</MsgId>
</xml>`
const clearJSON = `{"ToUserName":"gh_1","FromUserName":"${openid}","CreateTime":1,"MsgType":"text","Content":"你好","MsgId":23456789012345678}`

describe('a push in plain mode', () => {
  test('is signed with the token and names the sender', async ({ scene }) => {
    await scene.sandbox.push({ message })
    const { method, path, query } = await scene.callback.request(0)
    const { timestamp, nonce } = query
    expect([method, path]).toEqual(['POST', '/wx'])
    expect(query).toEqual({ signature: sha1OfSorted(token, timestamp, nonce), timestamp, nonce, openid })
    expect(timestamp).toBe(String(start / 1000))
    expect(nonce).toMatch(/^\d{10}$/)
  })

  test.for([
    ['xml', 'text/xml', clearXML],
    ['json', 'application/json', clearJSON],
  ] as const)('is written in %s', async ([format, contentType, body], { scene }) => {
    await scene.sandbox.push({ message, format })
    expect(await scene.callback.request(0)).toMatchObject({ contentType, body })
  })

  test('keeps the query of the callback URL', async ({ scene }) => {
    await scene.sandbox.push({ url: `${scene.callback.url}/shop?tenant=a%20b&x=1#part` })
    const { path, query } = await scene.callback.request(0)
    expect(path).toBe('/wx/shop')
    expect(query).toMatchObject({
      tenant: 'a b',
      x: '1',
      signature: sha1OfSorted(token, query['timestamp'], query['nonce']),
    })
  })
})

describe.each(['xml', 'json'] as const)('an enciphered push in %s', (format) => {
  const fieldsOf = (body: string): Record<string, unknown> => (format === 'json' ? JSON.parse(body) : xmlFields(body))
  const clear = format === 'json' ? clearJSON : clearXML

  test.for(['compatible', 'safe'] as const)('opens to the clear message in %s mode', async (mode, { scene }) => {
    await scene.sandbox.push({ message, mode, format, encodingAESKey })
    const { query, body, contentType } = await scene.callback.request(0)
    const { timestamp, nonce } = query
    const encrypt = String(fieldsOf(body)['Encrypt'])
    expect(contentType).toBe(format === 'json' ? 'application/json' : 'text/xml')
    expect(decrypted(encrypt)).toMatchObject({ message: clear, receiveId: shop.appID })
    expect(query).toEqual({
      signature: sha1OfSorted(token, timestamp, nonce),
      timestamp,
      nonce,
      openid,
      encrypt_type: 'aes',
      msg_signature: sha1OfSorted(token, timestamp, nonce, encrypt),
    })
  })

  test('shows nothing but the account in safe mode', async ({ scene }) => {
    await scene.sandbox.push({ message, mode: 'safe', format, encodingAESKey })
    const { body } = await scene.callback.request(0)
    expect(fieldsOf(body)).toEqual({ ToUserName: 'gh_1', Encrypt: expect.any(String) })
  })

  test('shows all of the message in compatible mode', async ({ scene }) => {
    await scene.sandbox.push({ message, mode: 'compatible', format, encodingAESKey })
    const { body } = await scene.callback.request(0)
    const { Encrypt, ...shown } = fieldsOf(body)
    expect(shown).toEqual(fieldsOf(clear))
    expect(body.length).toBeGreaterThan(clear.length + String(Encrypt).length)
  })
})

describe('the settings of an account', () => {
  const modeOf = (query: Readonly<Record<string, string>>, body: string): CallbackMode => {
    if (query['encrypt_type'] !== 'aes') return 'plain'
    return 'Content' in xmlFields(body) ? 'compatible' : 'safe'
  }

  test.for([
    [{}, {}, 'plain'],
    [{ encodingAESKey }, {}, 'safe'],
    [{}, { encodingAESKey }, 'safe'],
    [{ encodingAESKey, mode: 'compatible' }, {}, 'compatible'],
    [{ encodingAESKey, mode: 'plain' }, {}, 'plain'],
    [{ mode: 'plain' }, { encodingAESKey }, 'plain'],
    [{ encodingAESKey }, { mode: 'plain' }, 'plain'],
    [{ encodingAESKey, mode: 'safe' }, { mode: 'compatible' }, 'compatible'],
  ] as const)('%j and those of the push %j make it %s', async ([account, own, mode]) => {
    const scene = await Scene.open(account)
    await scene.sandbox.push({ message, ...own })
    const { query, body } = await scene.callback.request(0)
    await scene.close()
    expect(modeOf(query, body)).toBe(mode)
  })

  test('name the format and the token, unless the push has its own', async () => {
    const scene = await Scene.open({ format: 'json' })
    await scene.sandbox.push({ message })
    await scene.sandbox.push({ message, format: 'xml', token: 'another1' })
    const [first, second] = scene.callback.received
    await scene.close()
    expect([first?.body, second?.body]).toEqual([clearJSON, clearXML])
    expect(second?.query['signature']).toBe(
      sha1OfSorted('another1', second?.query['timestamp'], second?.query['nonce']),
    )
  })

  test('come with each account; the first one is meant when none is named', async ({ scene }) => {
    const other = {
      appID: 'wxother',
      appSecret: 'other',
      token: 'othertoken',
      callbackUrl: `${scene.callback.url}/other`,
    }
    await scene.wx.post('/sandbox/accounts', other)
    await scene.sandbox.push({ appid: 'wxother' })
    await scene.sandbox.push()
    const [first, second] = scene.callback.received
    expect([first?.path, second?.path]).toEqual(['/wx/other', '/wx'])
    expect(first?.query['signature']).toBe(sha1OfSorted('othertoken', first?.query['timestamp'], first?.query['nonce']))
  })

  test('outlast a change of the account, each until it is given anew', async () => {
    const scene = await Scene.open({ encodingAESKey, mode: 'compatible', format: 'xml', dailyTokens: 7 })
    await scene.wx.post('/sandbox/accounts', { ...shop, appSecret: 'new' })
    await scene.wx.post('/sandbox/accounts', { ...shop, appSecret: 'newer', format: 'json' })
    const account = scene.sandbox.accounts.get(shop.appID)
    const callbackUrl = scene.callback.url
    await scene.close()
    expect(account).toEqual({
      ...{ appID: shop.appID, appSecret: 'newer', dailyTokens: 7 },
      ...{ token, encodingAESKey, mode: 'compatible', format: 'json', callbackUrl },
    })
  })
})

test('each delivery has a fresh nonce, second and ciphertext, and the same message', async ({ scene }) => {
  const { sandbox, clock, callback } = scene
  callback.answer = silence
  const pushing = sandbox.push({ message: { Content: 'hi' }, encodingAESKey })
  for (const number of [0, 1, 2, 3]) {
    await callback.request(number)
    await clock.advance(5000)
  }
  await pushing
  const queries = callback.received.map(({ query }) => query)
  const sealed = callback.received.map(({ body }) => decrypted(String(xmlFields(body)['Encrypt'])))
  const different = (values: readonly unknown[]) => new Set(values).size
  expect(queries.map((query) => Number(query['timestamp']) - start / 1000)).toEqual([0, 5, 10, 15])
  expect(different(queries.map((query) => query['nonce']))).toBe(4)
  expect(different(queries.map((query) => query['msg_signature']))).toBe(4)
  expect(different(sealed.map(({ random }) => random))).toBe(4)
  expect(different(sealed.map((each) => each.message))).toBe(1)
})
