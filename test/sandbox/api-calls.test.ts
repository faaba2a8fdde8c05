import { randomBytes } from 'node:crypto'
import { describe, expect } from 'vitest'
import { Platform, shop, start, test } from './with-sandbox.js'

const openid = 'oABCDEFGHIJKLMNOPQRSTUVWXYZ1'

describe('a call that takes a token', () => {
  const calls = [
    ['GET', '/cgi-bin/ticket/getticket'],
    ['GET', '/cgi-bin/getcallbackip'],
    ['GET', '/cgi-bin/get_api_domain_ip'],
    ['GET', '/cgi-bin/user/info'],
    ['POST', '/cgi-bin/message/custom/send'],
    ['POST', '/cgi-bin/media/upload'],
    ['GET', '/cgi-bin/media/get'],
    ['POST', '/cgi-bin/clear_quota'],
  ] as const

  async function errcode(wx: Platform, method: string, path: string, tokens: readonly string[]): Promise<unknown> {
    const query = tokens.map((token) => ['access_token', token] as const)
    const response = await wx.fetch(path, query, { method, ...(method === 'POST' && { body: '{}' }) })
    expect(response.status).toBe(200)
    return Object(await response.json()).errcode
  }

  test.for(calls)('%s %s tells a missing, an unknown and an expired token apart', async ([method, path], { wx }) => {
    const token = await wx.token()
    expect(await errcode(wx, method, path, [])).toBe(41001)
    expect(await errcode(wx, method, path, [''])).toBe(41001)
    expect(await errcode(wx, method, path, [token, token])).toBe(41001)
    expect(await errcode(wx, method, path, ['unknown'])).toBe(40001)
    expect([41001, 40001, 42001]).not.toContain(await errcode(wx, method, path, [token]))
    wx.sandbox.clock.advance(7200)
    expect(await errcode(wx, method, path, [token])).toBe(42001)
  })

  test.for(calls)('%s %s refuses the other method', async ([method, path], { wx }) => {
    const [other, refusal] = method === 'GET' ? ['POST', 43001] : ['GET', 43002]
    expect(await errcode(wx, other === 'POST' ? 'POST' : 'GET', path, [])).toBe(refusal)
  })
})

describe('GET /cgi-bin/ticket/getticket', () => {
  test('gives one ticket per type, and the same until its last five minutes', async ({ wx }) => {
    const ticket = async (type: string) =>
      wx.get('/cgi-bin/ticket/getticket', { access_token: String((await wx.stable())['access_token']), type })
    const first = await ticket('jsapi')
    expect(first).toEqual({ errcode: 0, errmsg: 'ok', ticket: expect.stringMatching(/^.{86}$/), expires_in: 7200 })
    expect((await ticket('wx_card'))['ticket']).not.toBe(first['ticket'])
    wx.sandbox.clock.advance(6900)
    expect(await ticket('jsapi')).toEqual({ ...first, expires_in: 300 })
    wx.sandbox.clock.advance(1)
    const second = await ticket('jsapi')
    expect(second['ticket']).not.toBe(first['ticket'])
    expect(second['expires_in']).toBe(7200)
    expect(await ticket('other')).toMatchObject({ errcode: 40097 })
  })
})

describe('the small reads', () => {
  test('give addresses', async ({ wx }) => {
    const access_token = await wx.token()
    for (const path of ['/cgi-bin/getcallbackip', '/cgi-bin/get_api_domain_ip']) {
      expect(await wx.get(path, { access_token })).toEqual({ ip_list: ['127.0.0.1'] })
    }
  })

  test('give a follower by openid', async ({ wx }) => {
    const access_token = await wx.token()
    expect(await wx.get('/cgi-bin/user/info', { access_token, openid })).toMatchObject({ subscribe: 1, openid })
    expect(await wx.get('/cgi-bin/user/info', { access_token })).toMatchObject({ errcode: 40003 })
    expect(await wx.get('/cgi-bin/user/info', { access_token, openid: 'no openid' })).toMatchObject({ errcode: 40003 })
  })

  test('answer an unknown path with 40066', async ({ wx }) => {
    for (const path of ['/cgi-bin/unknown', '/wxa/unknown', '/cgi-bin/token/', '/CGI-BIN/token', '/x']) {
      expect(await wx.get(path)).toMatchObject({ errcode: 40066, errmsg: expect.stringContaining('invalid url') })
    }
  })
})

describe('GET /sns/jscode2session', () => {
  function login(wx: Platform, js_code: string, more: Record<string, string> = {}) {
    const given = { appid: shop.appID, secret: shop.appSecret, grant_type: 'authorization_code' }
    return wx.get('/sns/jscode2session', { ...given, js_code, ...more })
  }

  test('turns a code into a session, once', async ({ wx }) => {
    const { code } = wx.sandbox.codes.create(shop.appID, { openid, unionid: 'u1' })
    const session = await login(wx, code)
    expect(session).toEqual({ openid, unionid: 'u1', session_key: expect.any(String) })
    expect(Buffer.from(String(session['session_key']), 'base64')).toHaveLength(16)
    expect(await login(wx, code)).toMatchObject({ errcode: 40163 })
  })

  test('takes a code for 300 s', async ({ wx }) => {
    const [early, late] = [wx.sandbox.codes.create(shop.appID), wx.sandbox.codes.create(shop.appID)]
    wx.sandbox.clock.advance(300)
    expect(await login(wx, early.code)).toEqual(early.session)
    wx.sandbox.clock.advance(0.001)
    expect(await login(wx, late.code)).toMatchObject({ errcode: 40029 })
  })

  test.for([
    ['no appid', { appid: '' }, 41002],
    ['no secret', { secret: '' }, 41004],
    ['no code', { js_code: '' }, 41008],
    ['another grant_type', { grant_type: 'client_credential' }, 40002],
    ['a wrong secret', { secret: 'wrong' }, 40125],
    ['an unknown code', { js_code: 'unknown' }, 40029],
    ["another account's code", { appid: 'wxother', secret: 'other' }, 40029],
  ] as const)('refuses %s and leaves the code unused', async ([, change, errcode], { wx }) => {
    wx.sandbox.accounts.add({ appID: 'wxother', appSecret: 'other' })
    const { code, session } = wx.sandbox.codes.create(shop.appID)
    expect(await login(wx, code, change)).toMatchObject({ errcode })
    expect(await login(wx, code)).toEqual(session)
  })
})

describe('POST /cgi-bin/message/custom/send', () => {
  test('keeps the message for a test to read', async ({ wx }) => {
    const access_token = await wx.token()
    const message = { touser: openid, msgtype: 'text', text: { content: '你好' } }
    expect(await wx.post('/cgi-bin/message/custom/send', message, { access_token })).toEqual({
      errcode: 0,
      errmsg: 'ok',
    })
    const sent = [{ appid: shop.appID, at: start, message }]
    expect(wx.sandbox.messages.list()).toEqual(sent)
    expect(await wx.get('/sandbox/messages')).toEqual({ messages: sent })
  })

  test.for([
    ['', 44002],
    ['{', 47001],
    [{ msgtype: 'text' }, 40003],
    [{ touser: openid }, 40008],
  ] as const)('refuses %j with %i and keeps nothing', async ([body, errcode], { wx }) => {
    const access_token = await wx.token()
    expect(await wx.post('/cgi-bin/message/custom/send', body, { access_token })).toMatchObject({ errcode })
    expect(wx.sandbox.messages.list()).toEqual([])
  })
})

describe('media', () => {
  const bytes = Buffer.concat([Buffer.from([0, 255, 13, 10, 45, 45]), randomBytes(300_000), Buffer.from('\r\n--')])

  function form(field: string, content: Uint8Array<ArrayBuffer>, type = 'image/x-sandbox'): FormData {
    const data = new FormData()
    data.append('note', 'not the file')
    data.append(field, new Blob([content], { type }), '图.png')
    return data
  }

  function upload(wx: Platform, access_token: string, body: FormData | string, type = 'image') {
    return wx.fetch('/cgi-bin/media/upload', { access_token, type }, { method: 'POST', body }).then((r) => r.json())
  }

  test('comes back byte for byte, with its content type', async ({ wx }) => {
    const access_token = await wx.token()
    const answer = await upload(wx, access_token, form('media', new Uint8Array(bytes)))
    expect(answer).toEqual({ type: 'image', media_id: expect.stringMatching(/^.{64}$/), created_at: start / 1000 })

    const file = await wx.fetch('/cgi-bin/media/get', { access_token, media_id: Object(answer).media_id })
    expect(file.headers.get('content-type')).toBe('image/x-sandbox')
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true)
  })

  test('is found by its own account only', async ({ wx }) => {
    wx.sandbox.accounts.add({ appID: 'wxother', appSecret: 'other' })
    const answer = await upload(wx, await wx.token(), form('media', new Uint8Array(bytes)))
    const { access_token } = wx.sandbox.tokens.issue('wxother', 'token')
    const { media_id } = Object(answer)
    expect(await wx.get('/cgi-bin/media/get', { access_token, media_id })).toMatchObject({ errcode: 40007 })
  })

  test('is refused without a file, with an unknown type, and over 64 MiB', async ({ wx }) => {
    const token = await wx.token()
    const small = new Uint8Array(1)
    expect(await upload(wx, token, form('media', small), 'news')).toMatchObject({ errcode: 40004 })
    expect(await upload(wx, token, form('other', small))).toMatchObject({ errcode: 41005 })
    expect(await upload(wx, token, 'no form')).toMatchObject({ errcode: 41005 })
    const limit = 64 * 1024 * 1024
    expect(await upload(wx, token, form('media', new Uint8Array(limit)))).toMatchObject({ type: 'image' })
    expect(await upload(wx, token, form('media', new Uint8Array(limit + 1)))).toMatchObject({ errcode: 40006 })
  })

  test('is unknown under another media_id', async ({ wx }) => {
    const query = { access_token: await wx.token(), media_id: 'unknown' }
    expect(await wx.get('/cgi-bin/media/get', query)).toMatchObject({ errcode: 40007 })
  })
})

describe('POST /cgi-bin/clear_quota', () => {
  test('resets the counters, ten times a calendar month', async () => {
    const wx = await Platform.open({ accounts: [{ ...shop, dailyTokens: 1 }] })
    const clear = () => {
      const { access_token } = wx.sandbox.tokens.issue(shop.appID, 'stable_token')
      return wx.post('/cgi-bin/clear_quota', { appid: shop.appID }, { access_token })
    }
    for (let times = 0; times < 10; times += 1) {
      expect(await wx.verdict(await wx.token())).toBe(0)
      expect(await clear()).toEqual({ errcode: 0, errmsg: 'ok' })
    }
    expect(await clear()).toMatchObject({ errcode: 48006 })
    wx.sandbox.clock.advance(86_400)
    expect(await clear()).toMatchObject({ errcode: 48006 })
    wx.sandbox.clock.advance(30 * 86_400)
    expect(await clear()).toEqual({ errcode: 0, errmsg: 'ok' })
    await wx.sandbox.close()
  })

  test('takes only the appid of the token', async ({ wx }) => {
    const access_token = await wx.token()
    expect(await wx.post('/cgi-bin/clear_quota', {}, { access_token })).toMatchObject({ errcode: 41002 })
    expect(await wx.post('/cgi-bin/clear_quota', { appid: 'wx1' }, { access_token })).toMatchObject({ errcode: 40013 })
  })
})
