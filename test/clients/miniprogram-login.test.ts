import { createCipheriv, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parse } from 'acorn'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { shop } from '../support/running-hub.js'
import { MiniProgramScene } from './miniprogram-scene.js'

let scene: MiniProgramScene

beforeEach(async () => {
  scene = await MiniProgramScene.start()
})

afterEach(async () => {
  await scene.close()
  expect(scene.wx.sent.filter(({ url }) => url.includes('whs_'))).toEqual([])
  expect(scene.wx.printed).toEqual([])
})

describe('the client', () => {
  it('is written in the JavaScript of old base libraries', () => {
    const source = readFileSync('src/clients/miniprogram/wechat-hub.js', 'utf8')
    expect(() => parse(source, { ecmaVersion: 2017, sourceType: 'script' })).not.toThrow()
    expect(source).not.toMatch(/\basync\b|\.finally\(/)
  })

  it.each([
    { hub: 'hub.example.com' },
    { hub: 'ftp://hub.example.com' },
    { hub: 'https://hub.example.com@evil.example' },
    { hub: 'https://hub.example.com?a' },
    { hub: 'https://hub.example.com#a' },
    { account: '' },
    { backEnds: ['api.example.com'] },
  ])('refuses the options %j', (options) => {
    expect(() => scene.client(scene.wx, options)).toThrow(TypeError)
  })
})

describe('a login', () => {
  it('is one, however many ask', async () => {
    const [first, ...others] = await Promise.all([scene.hub.login(), scene.hub.login(), scene.hub.login()])
    expect(first).toEqual({ session: expect.stringMatching(/^whs_/), expires_in: 1800, new_user: true })
    for (const other of others) expect(other).toEqual(first)
    expect(await scene.hub.session()).toBe(first?.session)
    expect([scene.wx.logins, scene.exchanges]).toEqual([1, 1])
    expect(await scene.isLiving(first?.session ?? '')).toBe(true)
  })

  it('is made anew when it is asked for', async () => {
    const first = await scene.hub.login()
    const second = await scene.hub.login()
    expect(second).toMatchObject({ new_user: false })
    expect(second.session).not.toBe(first.session)
    expect(await scene.hub.session()).toBe(second.session)
  })

  it('is needed once for sessions that are asked for together and after each other', async () => {
    const sessions = await Promise.all([scene.hub.session(), scene.hub.session()])
    sessions.push(await scene.hub.session())
    expect(new Set(sessions).size).toBe(1)
    expect(scene.wx.logins).toBe(1)
  })

  it('is not needed by a mini program that is launched again, until the session is over', async () => {
    const session = await scene.hub.session()
    await scene.pass(29)
    const again = scene.launched(scene.wx.storage)
    expect(await scene.client(again).session()).toBe(session)
    expect([again.logins, again.sent.length]).toEqual([0, 0])
    await scene.pass(1)
    expect(await scene.client(again).session()).not.toBe(session)
    expect(again.logins).toBe(1)
  })

  it('is needed for each hub and account', async () => {
    await scene.hub.session()
    const other = scene.client(scene.wx, { hub: scene.running.url.replace('127.0.0.1', 'localhost') })
    await other.session()
    expect(scene.wx.logins).toBe(2)
    await expect(scene.client(scene.wx, { account: 'blog' }).session()).rejects.toMatchObject({ statusCode: 404 })
  })

  it('is needed when what is stored is broken', async () => {
    await scene.hub.session()
    const [key = ''] = scene.wx.storage.keys()
    for (const broken of [
      '',
      null,
      'x',
      [],
      {},
      { session: 1, end: 1e15, life: 1 },
      { session: 'x', end: 'y', life: 1 },
      { session: 'x', end: 1e15 },
    ]) {
      const again = scene.launched(new Map([[key, broken]]))
      expect(await scene.client(again).session()).toMatch(/^whs_/)
      expect(again.logins).toBe(1)
    }
  })

  it('works without storage', async () => {
    scene.wx.storageFails = true
    const session = await scene.hub.session()
    expect(await scene.hub.session()).toBe(session)
    await scene.hub.logout()
    expect(await scene.hub.session()).not.toBe(session)
    expect(scene.wx.logins).toBe(2)
  })
})

describe('checkKey', () => {
  it('logs in only if WeChat no longer takes the session_key', async () => {
    const session = await scene.hub.session({ checkKey: true })
    expect(await scene.hub.session({ checkKey: true })).toBe(session)
    expect([scene.wx.logins, scene.wx.keyChecks]).toEqual([1, 1])
    scene.wx.keyIsGood = false
    expect(await scene.hub.session()).toBe(session)
    const [one, other] = await Promise.all([
      scene.hub.session({ checkKey: true }),
      scene.hub.session({ checkKey: true }),
    ])
    expect(one).toBe(other)
    expect(one).not.toBe(session)
    expect(scene.wx.logins).toBe(2)
  })
})

describe('an error', () => {
  it('is what wx.login said', async () => {
    scene.wx.loginFault = 'login:fail no network'
    const error = await scene.hub.login().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ message: 'login:fail no network', errcode: -1 })
    scene.wx.loginFault = undefined
    await scene.pass(0.1)
    expect(await scene.hub.session()).toMatch(/^whs_/)
  })

  it('is told where wx.login gives no code', async () => {
    scene.running.sandbox.codes.create = () => ({ code: '', session: { openid: 'o', session_key: 'k' } })
    await expect(scene.hub.login()).rejects.toMatchObject({ message: 'wx.login gave no code', errcode: -1 })
  })

  it("has WeChat's errcode, the hub's hint and the requestId", async () => {
    scene.running.sandbox.codes.create = () => ({ code: 'unknown', session: { openid: 'o', session_key: 'k' } })
    const error = await scene.hub.session().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      errcode: 40029,
      statusCode: 400,
      hint: expect.stringContaining('wx.login'),
      requestId: expect.stringMatching(/./),
    })
  })

  it.each([
    ['request:fail timeout', undefined],
    ['request:fail url not in domain list', expect.stringContaining('request合法域名')],
  ])('tells %s', async (errMsg, hint) => {
    scene.wx.requestFault = { to: scene.running.url, errMsg }
    await expect(scene.hub.session()).rejects.toMatchObject({ message: errMsg, errcode: -1, hint })
  })

  it('is told of an answer that is not the hub’s', async () => {
    scene.backEndAnswer = { status: 502, body: '<html>' }
    const hub = scene.client(scene.wx, { hub: scene.backEnd })
    const message = 'The hub answered HTTP 502'
    await expect(hub.session()).rejects.toMatchObject({ message, errcode: -502, statusCode: 502 })
    for (const body of [{}, '<html>', null, { session: '', expires_in: 1 }, { session: 'x', expires_in: '1e9' }]) {
      scene.backEndAnswer = { status: 200, body }
      await scene.pass(0.1)
      await expect(hub.session()).rejects.toMatchObject({ message: 'The hub answered without a session', errcode: -1 })
    }
  })
})

describe('a logout', () => {
  it('ends the session here and at the hub', async () => {
    const session = await scene.hub.session()
    await scene.hub.logout()
    expect(scene.wx.storage.size).toBe(0)
    expect(await scene.isLiving(session)).toBe(false)
    expect(await scene.hub.session()).not.toBe(session)
  })

  it('is one here, though the hub cannot be told', async () => {
    const session = await scene.hub.session()
    scene.wx.requestFault = { to: 'current', errMsg: 'request:fail' }
    await expect(scene.hub.logout()).rejects.toMatchObject({ message: 'request:fail' })
    expect(scene.wx.storage.size).toBe(0)
    expect(await scene.hub.session()).not.toBe(session)
  })

  it('is none too much where nobody is logged in, or where the hub has ended the session', async () => {
    await scene.hub.logout()
    expect(scene.wx.sent).toEqual([])
    await scene.end(await scene.hub.session())
    await scene.hub.logout()
  })

  it('goes before a login that is under way, whose session it ends', async () => {
    scene.wx.slow = true
    const login = scene.hub.login()
    const refused = expect(login).rejects.toMatchObject({ message: 'Logged out meanwhile' })
    await scene.wx.settled()
    const logout = scene.hub.logout()
    scene.wx.answer()
    await Promise.all([refused, logout])
    await scene.wx.settled()
    expect(scene.wx.storage.size).toBe(0)
    const [ended] = scene.wx.to('DELETE', '/current')
    expect(ended?.header['Authorization']).toMatch(/^Bearer whs_/)
    expect(await scene.isLiving(ended?.header['Authorization']?.slice(7) ?? '')).toBe(false)
    expect(await scene.hub.session()).toMatch(/^whs_/)
  })

  it('goes before a check of the session_key, good or not', async () => {
    for (const good of [true, false]) {
      await scene.hub.session()
      scene.wx.keyIsGood = good
      const refused = expect(scene.hub.session({ checkKey: true })).rejects.toMatchObject({
        message: 'Logged out meanwhile',
      })
      await Promise.all([refused, scene.hub.logout()])
    }
    expect([scene.wx.logins, scene.wx.storage.size]).toEqual([2, 0])
  })
})

describe('user data', () => {
  const iv = Buffer.alloc(16, 7)

  /** As WeChat gives it to the mini program. */
  function sealed(data: object) {
    const watermark = { appid: shop.appID, timestamp: 1_700_000_000 }
    const key = Buffer.from(sessionKey(), 'base64')
    const cipher = createCipheriv('aes-128-cbc', key, iv)
    const encrypted = Buffer.concat([cipher.update(JSON.stringify({ ...data, watermark })), cipher.final()])
    return { encryptedData: encrypted.toString('base64'), iv: iv.toString('base64') }
  }

  function sessionKey(): string {
    return scene.codes.at(-1)?.session.session_key ?? ''
  }

  it('is deciphered by the hub', async () => {
    await scene.hub.session({ checkKey: true })
    const { data, timestamp } = await scene.hub.decrypt(sealed({ nickName: '林' }))
    expect(data).toMatchObject({ nickName: '林' })
    expect(timestamp).toBe(1_700_000_000)
  })

  it('is verified by the hub', async () => {
    await scene.hub.session()
    const rawData = '{"nickName":"林"}'
    const signature = createHash('sha1')
      .update(rawData + sessionKey())
      .digest('hex')
    expect(await scene.hub.verify({ rawData, signature })).toEqual({ valid: true })
    const wrong = { rawData: `${rawData} `, signature }
    await expect(scene.hub.verify(wrong)).rejects.toMatchObject({ statusCode: 400, errcode: -4001 })
    expect(scene.wx.logins).toBe(1)
  })

  it('is refused when the session_key was replaced, and read after the login that this brings', async () => {
    await scene.hub.session()
    // As by a login on another phone.
    scene.codes.push(scene.running.sandbox.codes.create(shop.appID, { openid: 'oMini' }))
    await expect(scene.hub.decrypt(sealed({ nickName: '林' }))).rejects.toMatchObject({
      errcode: 87009,
      statusCode: 409,
    })
    expect(scene.wx.logins).toBe(2)
    expect(await scene.hub.decrypt(sealed({ nickName: '林' }))).toMatchObject({ data: { nickName: '林' } })
    expect(scene.wx.logins).toBe(2)
  })
})
