import { describe, expect } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { encodingAESKey, Scene, test, token } from './with-callback.js'
import { json, Platform, shop } from './with-sandbox.js'

const elsewhere = [
  'http://192.168.1.10/wx',
  'http://0.0.0.0/wx',
  'http://example.com/',
  'http://127.0.0.1.nip.io/',
  'http://127.0.0.1@example.com/',
  'http://localhost.example.com/',
  'http://[::ffff:127.0.0.1]/',
  'http://[fe80::1]/',
  'http://user:password@127.0.0.1/',
  'file:///etc/passwd',
  'ftp://127.0.0.1/',
  '//127.0.0.1/wx',
  'wx',
  '',
  7,
]

async function refusal(wx: Platform, path: string, body: unknown): Promise<string> {
  const response = await wx.send('POST', path, body)
  expect(response.status).toBe(400)
  return String((await json(response))['error'])
}

describe('POST /sandbox/push', () => {
  test.for(elsewhere)('sends nothing to %s', async (url, { scene }) => {
    for (const path of ['/sandbox/push', '/sandbox/handshake']) {
      expect(await refusal(scene.wx, path, { url })).toContain('"url": ')
    }
    expect(await refusal(scene.wx, '/sandbox/accounts', { ...shop, callbackUrl: url })).toContain('"callbackUrl": ')
  })

  test.for(['127.0.0.1', '127.1', '2130706433', 'localhost', '127.0.0.2'])('sends to %s', async (host, { scene }) => {
    const push = scene.sandbox.preparePush({ url: `http://${host}:${scene.callback.port}/` })
    // On 127.0.0.2 nobody listens here.
    const outcome = host === '127.0.0.2' ? 'unreachable' : 'answered'
    expect((await push.deliver()).deliveries).toMatchObject([{ outcome }])
  })

  test('takes URLs of IPv6 and of https', ({ scene }) => {
    for (const url of ['http://[::1]:1/', 'https://127.0.0.1/wx']) scene.sandbox.preparePush({ url })
  })

  test('does not follow a redirect', async ({ scene }) => {
    scene.callback.answer = ({ response }) => response.writeHead(302, { location: 'http://example.com/' }).end()
    expect((await scene.sandbox.push()).deliveries).toMatchObject([{ status: 302 }])
  })

  test.for([
    [{ retries: 4 }, '"retries"'],
    [{ retries: -1 }, '"retries"'],
    [{ retries: 1.5 }, '"retries"'],
    [{ mode: 'secret-mode' }, '"mode": must be one of plain, compatible, safe'],
    [{ format: 'secret' }, '"format": must be one of xml, json'],
    [{ token: 'secret-with-signs' }, '"token": must be 3 to 32 letters and digits'],
    [{ encodingAESKey: 'secret' }, '"encodingAESKey": must be 43 letters and digits'],
    [{ appid: 'secret' }, '"appid": the sandbox has no such account'],
    [{ mesage: {} }, 'mesage'],
    [{ message: 'secret' }, '"message": must be an object'],
    [{ message: [] }, '"message": must be an object'],
    [{ message: null }, '"message": must be an object'],
    [{ message: { Content: null } }, '"message.Content": must be a text'],
    [{ message: { Content: true } }, '"message.Content": must be a text'],
    [{ message: { List: [{ A: 'x' }, { A: [['secret']] }] } }, '"message.List.1.A.0": must not be a list in a list'],
    [{ message: { 'a b': 'secret' } }, '"message.a b": is no name'],
    [{ message: { '': 'secret' } }, 'is no name'],
    [{ message: { Content: 'secret\u0000' } }, '"message.Content": has a character'],
    [{ message: { Content: 'secret\ud800' } }, '"message.Content": has a character'],
    [{ message: { MsgType: { a: 'secret' } } }, '"message.MsgType": must be a text or a number'],
    [{ message: { FromUserName: ['secret'] } }, '"message.FromUserName": must be a text or a number'],
    [{ mode: 'safe' }, '"encodingAESKey": is needed, as the account has no "encodingAESKey"'],
    [{ mode: 'compatible' }, '"encodingAESKey"'],
  ] as const)('refuses %j by the name of the field', async ([order, sentence], { scene }) => {
    const error = await refusal(scene.wx, '/sandbox/push', order)
    expect(error).toContain(sentence)
    expect(error).not.toContain('secret')
    expect(scene.callback.received).toEqual([])
  })

  test('refuses a number that JSON has already rounded', async ({ scene }) => {
    const error = await refusal(scene.wx, '/sandbox/push', '{"message":{"MsgId":23456789012345678}}')
    expect(error).toBe('"message.MsgId": is not exact: give it as a text')
    expect(await refusal(scene.wx, '/sandbox/push', '{"message":{"A":1e999}}')).toContain('"message.A"')
  })

  test('refuses a message that is nested too deep, however deep', async ({ scene }) => {
    for (const depth of [11, 50_000]) {
      const nested = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
      expect(await refusal(scene.wx, '/sandbox/push', `{"message":${nested}}`)).toContain('deeper than 10 levels')
    }
    expect(scene.sandbox.preparePush({ message: { a: { b: { c: { d: { e: 'f' } } } } } }).message).toHaveProperty(
      'a.b.c',
    )
  })

  test('tells all faults at once', async ({ scene }) => {
    const order = { retries: 9, url: 'x', message: { Content: null, MsgType: [] } }
    const error = await refusal(scene.wx, '/sandbox/push', order)
    for (const field of ['retries', 'url', 'message.Content', 'message.MsgType'])
      expect(error).toContain(`"${field}": `)
  })

  test('does not take a prototype for a field', async ({ scene }) => {
    const error = await refusal(scene.wx, '/sandbox/push', '{"message":{"__proto__":{"MsgType":"event"}}}')
    expect(error).toContain('"message.__proto__": is no name')
  })

  test('needs a token and a URL', async () => {
    const wx = await Platform.open()
    expect(await refusal(wx, '/sandbox/push', {})).toBe('"token": is needed, as the account has no "token"')
    expect(await refusal(wx, '/sandbox/push', { token })).toBe('"url": is needed, as the account has no "callbackUrl"')
    expect(await refusal(wx, '/sandbox/handshake', {})).toContain('"token": is needed')
    await wx.sandbox.close()
  })

  test('needs an account', async () => {
    const sandbox = new Sandbox({ accounts: [] })
    await expect(sandbox.push()).rejects.toThrow('"appid": the sandbox has no such account')
    await expect(sandbox.handshake()).rejects.toThrow(TypeError)
    expect(() => sandbox.preparePush()).toThrow(TypeError)
  })
})

describe('an account', () => {
  test.for([
    [{ token: 'secret_1' }, '"token"'],
    [{ encodingAESKey: 'secret' }, '"encodingAESKey"'],
    [{ mode: 'secret' }, '"mode"'],
    [{ format: 'secret' }, '"format"'],
    [{ mode: 'safe' }, '"encodingAESKey": is needed in compatible and safe mode'],
    [{ mode: 'compatible' }, '"encodingAESKey": is needed in compatible and safe mode'],
    [{ callbackURL: 'secret' }, 'callbackURL'],
  ] as const)('is refused with %j, and stays as it was', async ([settings, sentence], { scene }) => {
    const before = scene.sandbox.accounts.get(shop.appID)
    const error = await refusal(scene.wx, '/sandbox/accounts', { ...shop, ...settings })
    expect(error).toContain(sentence)
    expect(error).not.toContain('secret')
    expect(scene.sandbox.accounts.get(shop.appID)).toEqual(before)
  })

  test('is refused by the constructor as well', () => {
    const accounts = [{ ...shop, token: 'x' }]
    expect(() => new Sandbox({ accounts })).toThrow('"token": must be 3 to 32 letters and digits')
  })

  test('needs no key in safe mode when it has one already', async () => {
    const scene = await Scene.open({ encodingAESKey })
    await scene.wx.post('/sandbox/accounts', { ...shop, mode: 'safe' })
    const account = scene.sandbox.accounts.get(shop.appID)
    await scene.close()
    expect(account).toMatchObject({ mode: 'safe', encodingAESKey })
  })
})
