import { describe, expect } from 'vitest'
import { dailyTokens } from '../../src/sandbox/api/token.js'
import { grant, json, Platform, shop, test } from './with-sandbox.js'

describe('GET /cgi-bin/token', () => {
  test('gives a long opaque token for 7200 s, as JSON, and the API takes it', async ({ wx }) => {
    const response = await wx.fetch('/cgi-bin/token', grant())
    const body = await json(response)

    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(body).toEqual({ access_token: expect.stringMatching(/^[\w-]{136,512}$/), expires_in: 7200 })
    expect(await wx.verdict(body['access_token'])).toBe(0)
  })

  test('gives another token each time', async ({ wx }) => {
    expect(await wx.token()).not.toBe(await wx.token())
  })

  test('lets a replaced token live 300 s more and no longer', async ({ wx }) => {
    const old = await wx.token()
    await wx.token()
    wx.sandbox.clock.advance(299.999)
    expect(await wx.verdict(old)).toBe(0)
    wx.sandbox.clock.advance(0.001)
    expect(await wx.verdict(old)).toBe(40001)
  })

  test('does not let a replaced token outlive its own end', async ({ wx }) => {
    const old = await wx.token()
    wx.sandbox.clock.advance(7100)
    const fresh = await wx.token()
    wx.sandbox.clock.advance(100)
    expect(await wx.verdict(old)).toBe(42001)
    expect(await wx.verdict(fresh)).toBe(0)
  })

  test.for([
    ['no appid', { appid: '', secret: '', grant_type: '' }, 41002],
    ['no secret', { secret: '', grant_type: '' }, 41004],
    ['a wrong grant_type', { grant_type: 'authorization_code', appid: 'wxother' }, 40002],
    ['an unknown appid', { appid: 'wxother', secret: 'wrong' }, 40013],
    ['a wrong secret', { secret: 'wrong' }, 40125],
  ] as const)('refuses %s first of all its faults', async ([, change, errcode], { task: _task }) => {
    const wx = await Platform.open({ accounts: [{ ...shop, dailyTokens: 0 }] })
    const answer = await wx.get('/cgi-bin/token', { ...grant(), ...change })
    await wx.sandbox.close()
    expect(answer).toEqual({ errcode, errmsg: expect.stringMatching(/ rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/) })
  })

  test('counts a repeated parameter as missing', async ({ wx }) => {
    const query = [...Object.entries(grant()), ['appid', shop.appID]] as const
    expect(await wx.get('/cgi-bin/token', query)).toMatchObject({ errcode: 41002 })
  })

  test('wants GET', async ({ wx }) => {
    expect(await json(await wx.send('POST', '/cgi-bin/token', grant(), grant()))).toMatchObject({ errcode: 43001 })
  })

  test('stops at the daily quota and begins anew at midnight in UTC+8', async () => {
    const wx = await Platform.open({ accounts: [{ ...shop, dailyTokens: 2 }] })
    await wx.token()
    await wx.token()
    expect(await wx.get('/cgi-bin/token', grant())).toMatchObject({ errcode: 45009 })
    wx.sandbox.clock.advance(16 * 3600 - 1)
    expect(await wx.get('/cgi-bin/token', grant())).toMatchObject({ errcode: 45009 })
    wx.sandbox.clock.advance(1)
    expect(await wx.get('/cgi-bin/token', grant())).toMatchObject({ expires_in: 7200 })
    await wx.sandbox.close()
  })

  test('gives 2000 a day unless told otherwise', async ({ wx }) => {
    const account = wx.sandbox.accounts.get(shop.appID)
    if (account === undefined) throw new Error('The account is missing')
    wx.sandbox.quotas.take(shop.appID, dailyTokens(account), 1999)
    expect(await wx.get('/cgi-bin/token', grant())).toMatchObject({ expires_in: 7200 })
    expect(await wx.get('/cgi-bin/token', grant())).toMatchObject({ errcode: 45009 })
  })
})
