import { describe, expect } from 'vitest'
import { daily, minutely } from '../../src/sandbox/api/stable-token.js'
import { grant, json, shop, test } from './with-sandbox.js'

describe('POST /cgi-bin/stable_token', () => {
  test('gives the same token with the time it has left', async ({ wx }) => {
    const first = await wx.stable()
    wx.sandbox.clock.advance(1000)
    const second = await wx.stable({ force_refresh: false })

    expect(first).toEqual({ access_token: expect.stringMatching(/^[\w-]{136,512}$/), expires_in: 7200 })
    expect(second).toEqual({ access_token: first['access_token'], expires_in: 6200 })
  })

  test('rolls the token in its last five minutes, in which both work', async ({ wx }) => {
    const old = await wx.stable()
    wx.sandbox.clock.advance(6900)
    expect(await wx.stable()).toEqual({ ...old, expires_in: 300 })
    wx.sandbox.clock.advance(1)
    const fresh = await wx.stable()
    expect(fresh['access_token']).not.toBe(old['access_token'])
    expect(fresh['expires_in']).toBe(7200)

    wx.sandbox.clock.advance(298)
    expect(await wx.verdict(old['access_token'])).toBe(0)
    wx.sandbox.clock.advance(1)
    expect(await wx.verdict(old['access_token'])).toBe(42001)
    expect(await wx.verdict(fresh['access_token'])).toBe(0)
  })

  test('ends the last token at once when forced', async ({ wx }) => {
    const old = await wx.stable()
    const fresh = await wx.stable({ force_refresh: true })
    expect(fresh['expires_in']).toBe(7200)
    expect(await wx.verdict(old['access_token'])).toBe(40001)
    expect(await wx.verdict(fresh['access_token'])).toBe(0)
  })

  test('does not refresh when forced twice within 30 s', async ({ wx }) => {
    const forced = await wx.stable({ force_refresh: true })
    wx.sandbox.clock.advance(29)
    expect(await wx.stable({ force_refresh: true })).toEqual({ ...forced, expires_in: 7171 })
    wx.sandbox.clock.advance(1)
    expect((await wx.stable({ force_refresh: true }))['access_token']).not.toBe(forced['access_token'])
  })

  test('is forced at most 20 times a day', async ({ wx }) => {
    for (let times = 0; times < 20; times += 1) {
      expect(await wx.stable({ force_refresh: true })).toMatchObject({ expires_in: 7200 })
      wx.sandbox.clock.advance(30)
    }
    expect(await wx.stable({ force_refresh: true })).toMatchObject({ errcode: 45009 })
    expect(await wx.stable()).toMatchObject({ expires_in: 7170 })
  })

  test('neither disturbs /cgi-bin/token nor is disturbed by it', async ({ wx }) => {
    const ordinary = await wx.token()
    await wx.stable()
    const stable = await wx.stable({ force_refresh: true })
    expect(await wx.verdict(ordinary)).toBe(0)
    await wx.token()
    wx.sandbox.clock.advance(301)
    expect(await wx.verdict(ordinary)).toBe(40001)
    expect(await wx.stable()).toEqual({ ...stable, expires_in: 6899 })
    expect(await wx.verdict(stable['access_token'])).toBe(0)
  })

  test('allows 10,000 calls a minute', async ({ wx }) => {
    wx.sandbox.quotas.take(shop.appID, minutely, 9_999)
    expect(await wx.stable()).toMatchObject({ expires_in: 7200 })
    expect(await wx.stable()).toMatchObject({ errcode: 45011 })
    wx.sandbox.clock.advance(60)
    expect(await wx.stable()).toMatchObject({ expires_in: 7140 })
  })

  test('allows 500,000 calls a day', async ({ wx }) => {
    wx.sandbox.quotas.take(shop.appID, daily, 499_999)
    expect(await wx.stable()).toMatchObject({ expires_in: 7200 })
    expect(await wx.stable()).toMatchObject({ errcode: 45009 })
    wx.sandbox.clock.advance(86_400)
    expect(await wx.stable()).toMatchObject({ expires_in: 7200 })
  })

  test('wants POST', async ({ wx }) => {
    expect(await wx.get('/cgi-bin/stable_token', grant())).toMatchObject({ errcode: 43002 })
  })

  test.for([
    ['an empty body', '', 44002],
    ['a body that is no JSON', 'appid=wx', 47001],
    ['a body that is no object', '[]', 47001],
    ['a body over 1 MiB', JSON.stringify({ ...grant(), more: 'x'.repeat(1024 * 1024) }), 47001],
    ['no appid', { secret: 's' }, 41002],
    ['no secret', { appid: 'wxother' }, 41004],
    ['a wrong grant_type', { ...grant(), appid: 'wxother', grant_type: 'x' }, 40002],
    ['an unknown appid', { ...grant(), appid: 'wxother' }, 40013],
    ['a wrong secret', { ...grant(), secret: 'wrong' }, 40125],
  ] as const)('refuses %s', async ([, body, errcode], { wx }) => {
    expect(await json(await wx.send('POST', '/cgi-bin/stable_token', body))).toMatchObject({ errcode })
  })
})
