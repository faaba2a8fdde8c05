import { describe, expect } from 'vitest'
import { controls } from '../../src/sandbox/control/controls.js'
import type { LogLine } from '../../src/sandbox/sandbox.js'
import { grant, json, Platform, shop, start, test } from './with-sandbox.js'

describe('/sandbox/clock', () => {
  test('moves time forward, for tokens too', async ({ wx }) => {
    const token = await wx.token()
    expect(await wx.post('/sandbox/clock', { advance: 7200 })).toEqual({ now: start + 7_200_000, offset: 7200 })
    expect(await wx.get('/sandbox/clock')).toEqual({ now: start + 7_200_000, offset: 7200 })
    expect(await wx.verdict(token)).toBe(42001)
  })

  test.for([[-1], ['60'], [1e12], [undefined]])('does not take %s', async ([advance], { wx }) => {
    const response = await wx.send('POST', '/sandbox/clock', { advance })
    expect(response.status).toBe(400)
    expect((await json(response))['error']).toContain('"advance"')
    expect(wx.sandbox.clock.now()).toBe(start)
  })

  test('runs with the real wall clock when none is given', async () => {
    const wx = await Platform.open({ now: undefined })
    wx.sandbox.clock.advance(10)
    expect(Math.abs(wx.sandbox.clock.now() - Date.now() - 10_000)).toBeLessThan(1000)
    await wx.sandbox.close()
  })
})

describe('/sandbox/steal', () => {
  test('replaces the token, which dies after 300 s', async ({ wx }) => {
    const token = await wx.token()
    await wx.post('/sandbox/steal', { appid: shop.appID })
    wx.sandbox.clock.advance(299)
    expect(await wx.verdict(token)).toBe(0)
    wx.sandbox.clock.advance(1)
    expect(await wx.verdict(token)).toBe(40001)
  })

  test('ends the token at once when told to, of the named endpoint only', async ({ wx }) => {
    const token = await wx.token()
    const stable = await wx.stable()
    await wx.post('/sandbox/steal', { appid: shop.appID, endpoint: 'stable_token', at_once: true })
    expect(await wx.verdict(token)).toBe(0)
    expect(await wx.verdict(stable['access_token'])).toBe(40001)
    expect((await wx.stable())['access_token']).not.toBe(stable['access_token'])
  })

  test('refuses an unknown account', async ({ wx }) => {
    expect((await wx.send('POST', '/sandbox/steal', { appid: 'wxother' })).status).toBe(400)
  })
})

describe('/sandbox/requests', () => {
  test('tells what the API was asked, without queries and without control routes', async ({ wx }) => {
    await wx.token()
    await wx.get('/cgi-bin/token', { ...grant(), secret: 'wrong' })
    await wx.stable()
    const heard = await wx.get('/sandbox/requests')
    expect(heard).toEqual({
      count: 3,
      counts: { '/cgi-bin/token': 2, '/cgi-bin/stable_token': 1 },
      requests: [
        { method: 'GET', path: '/cgi-bin/token', at: start, status: 200 },
        { method: 'GET', path: '/cgi-bin/token', at: start, status: 200, errcode: 40125 },
        { method: 'POST', path: '/cgi-bin/stable_token', at: start, status: 200 },
      ],
      maxInFlight: { [shop.appID]: 1 },
    })
    expect(await wx.get('/sandbox/requests', { path: '/cgi-bin/s' })).toMatchObject({
      count: 1,
      counts: { '/cgi-bin/stable_token': 1 },
      requests: [{ path: '/cgi-bin/stable_token' }],
    })
  })

  test('are forgotten on DELETE', async ({ wx }) => {
    await wx.token()
    const nothing = { count: 0, counts: {}, requests: [], maxInFlight: {} }
    expect(await json(await wx.fetch('/sandbox/requests', {}, { method: 'DELETE' }))).toEqual(nothing)
  })

  test('are listed up to the last 10,000, and counted without end', ({ wx }) => {
    for (let n = 0; n <= 10_000; n += 1) wx.sandbox.requests.open('GET', n === 0 ? '/first' : '/later')
    const { count, requests } = wx.sandbox.requests.list()
    expect(count).toBe(10_001)
    expect(requests).toHaveLength(10_000)
    expect(requests[0]?.path).toBe('/later')
  })

  test('tell the most token requests under way at one time, of both endpoints', async ({ wx }) => {
    await wx.token()
    await wx.token()
    expect(wx.sandbox.requests.inFlight.most(shop.appID)).toBe(1)
    wx.sandbox.faults.add({ kind: 'slow', ms: 300 })
    await Promise.all([wx.token(), wx.token(), wx.stable()])
    expect(wx.sandbox.requests.inFlight.most(shop.appID)).toBe(3)
    expect(wx.sandbox.requests.inFlight.now(shop.appID)).toBe(0)
  })

  test('count a hanging token request as under way', async ({ wx }) => {
    wx.sandbox.faults.add({ kind: 'hang', times: 1 })
    const hanging = wx.token().catch(String)
    await expect.poll(() => wx.sandbox.requests.inFlight.now(shop.appID)).toBe(1)
    await wx.token()
    expect(wx.sandbox.requests.inFlight.most(shop.appID)).toBe(2)
    await wx.sandbox.close()
    await hanging
    expect(wx.sandbox.requests.inFlight.now(shop.appID)).toBe(0)
  })
})

describe('/sandbox/codes and /sandbox/accounts', () => {
  test('make a login code for a visitor', async ({ wx }) => {
    const made = await wx.post('/sandbox/codes', { appid: shop.appID, openid: 'o1', unionid: 'u1' })
    const { code, ...session } = made
    const login = { ...grant(), grant_type: 'authorization_code', js_code: String(code) }
    expect(session).toMatchObject({ openid: 'o1', unionid: 'u1' })
    expect(await wx.get('/sns/jscode2session', login)).toEqual(session)
    expect((await wx.send('POST', '/sandbox/codes', { appid: 'wxother' })).status).toBe(400)
  })

  test('add an account', async ({ wx }) => {
    const query = { ...grant(), appid: 'wxother', secret: 'other' }
    expect(await wx.get('/cgi-bin/token', query)).toMatchObject({ errcode: 40013 })
    await wx.post('/sandbox/accounts', { appID: 'wxother', appSecret: 'other', dailyTokens: 1 })
    expect(await wx.get('/cgi-bin/token', query)).toMatchObject({ expires_in: 7200 })
    expect(await wx.get('/cgi-bin/token', query)).toMatchObject({ errcode: 45009 })
  })

  test('refuse a wrong account by the names of its fields, not by their values', async ({ wx }) => {
    const response = await wx.send('POST', '/sandbox/accounts', { appID: 'wx other', appSecret: 7, daily: 1 })
    expect(response.status).toBe(400)
    const { error } = await json(response)
    expect(error).toMatch(/"appID".*"appSecret".*daily/)
    expect(error).not.toContain('wx other')
  })
})

describe('the sandbox', () => {
  test('says at / what it is and lists every control route', async ({ wx }) => {
    const text = await (await wx.fetch('/')).text()
    expect(text).toContain('stand-in for api.weixin.qq.com')
    for (const { method, path } of controls) expect(text).toMatch(new RegExp(`${method} +${path} `))
  })

  test('answers an unknown control route with 404', async ({ wx }) => {
    for (const path of ['/sandbox', '/sandbox/x', '/sandbox/x/y']) expect((await wx.fetch(path)).status).toBe(404)
    expect((await wx.fetch('/sandbox/clock', {}, { method: 'DELETE' })).status).toBe(404)
  })

  test('listens on 127.0.0.1 and on no other address', async ({ wx }) => {
    expect(wx.base).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
    const { port } = new URL(wx.base)
    for (const host of ['127.0.0.2', '[::1]']) await expect(fetch(`http://${host}:${port}/`)).rejects.toThrow()
  })

  test('cuts hanging and slow requests at once when it closes', async ({ wx }) => {
    wx.sandbox.faults.add({ kind: 'hang', times: 1 })
    wx.sandbox.faults.add({ kind: 'slow', ms: 600_000 })
    const waiting = Promise.allSettled([wx.token(), wx.token()])
    await expect.poll(() => wx.sandbox.requests.count('/cgi-bin/token')).toBe(2)
    await wx.sandbox.close()
    expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  test('refuses to listen twice, and on a port that is taken', async ({ wx }) => {
    await expect(wx.sandbox.listen()).rejects.toThrow('listens already')
    const port = Number(new URL(wx.base).port)
    const { sandbox } = await Platform.open()
    await sandbox.close()
    await expect(sandbox.listen(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(await sandbox.listen()).toMatch(/^http/)
    await sandbox.close()
  })

  test('logs each request once and no secret', async () => {
    const lines: LogLine[] = []
    const wx = await Platform.open({ log: (line) => lines.push(line) })
    await wx.get('/cgi-bin/token', { ...grant(), secret: 'wrong' })
    await wx.get('/sandbox/clock')
    await wx.sandbox.close()
    expect(lines).toEqual([
      { method: 'GET', path: '/cgi-bin/token', at: start, status: 200, errcode: 40125 },
      { method: 'GET', path: '/sandbox/clock', status: 200 },
    ])
  })
})
