import { describe, expect } from 'vitest'
import { faultKinds } from '../../src/sandbox/faults.js'
import { grant, json, Platform, shop, test } from './with-sandbox.js'

const rid = / rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/

function fetchToken(wx: Platform): Promise<Response> {
  return wx.fetch('/cgi-bin/token', grant())
}

describe('a fault', () => {
  test('slow: the request is handled at once and answered after ms', async ({ wx }) => {
    await wx.post('/sandbox/faults', { kind: 'slow', ms: 200 })
    const begun = performance.now()
    const body = await json(await fetchToken(wx))
    expect(performance.now() - begun).toBeGreaterThan(190)
    expect(body).toMatchObject({ expires_in: 7200 })
  })

  test('hang: there is no answer, not even when later requests have theirs', async ({ wx }) => {
    await wx.post('/sandbox/faults', { kind: 'hang', times: 1 })
    const client = new AbortController()
    const hanging = wx.fetch('/cgi-bin/token', grant(), { signal: client.signal }).then(
      () => 'answered',
      () => 'gone',
    )
    await expect.poll(() => wx.sandbox.faults.list()).toEqual([])
    expect(await Promise.race([hanging, json(await fetchToken(wx))])).toMatchObject({ expires_in: 7200 })
    client.abort()
    expect(await hanging).toBe('gone')
    expect(
      wx.sandbox.requests
        .list()
        .requests.map(({ status }) => status)
        .sort(),
    ).toEqual([0, 200])
  })

  test('reset: the connection is torn down', async ({ wx }) => {
    await wx.post('/sandbox/faults', { kind: 'reset' })
    await expect(fetchToken(wx)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } })
  })

  test('truncate: the body ends before the declared length', async ({ wx }) => {
    await wx.post('/sandbox/faults', { kind: 'truncate' })
    const response = await fetchToken(wx)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe('1000')
    await expect(response.text()).rejects.toThrow()
  })

  test.for([
    [{}, 502],
    [{ status: 503 }, 503],
  ] as const)('status: %j is an HTTP %i of HTML', async ([more, status], { wx }) => {
    await wx.post('/sandbox/faults', { kind: 'status', ...more })
    const response = await fetchToken(wx)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(await response.text()).toContain('<html>')
  })

  test('garbage: a 200 of HTML', async ({ wx }) => {
    await wx.post('/sandbox/faults', { kind: 'garbage' })
    const response = await fetchToken(wx)
    expect(response.status).toBe(200)
    expect(await response.text()).toMatch(/^<html>/)
  })

  test.for([
    [{ kind: 'busy' }, -1, /^system error rid/],
    [{ kind: 'ip' }, 40164, /^invalid ip 203\.0\.113\.7 ipv6 ::ffff:203\.0\.113\.7, not in whitelist rid/],
    [{ kind: 'quota' }, 45009, /^reach max api daily quota limit/],
    [{ kind: 'errcode', errcode: 40125 }, 40125, /^invalid appsecret rid/],
    [{ kind: 'errcode', errcode: 89503, errmsg: 'confirm' }, 89503, /^confirm rid/],
  ] as const)('%j: errcode %i under HTTP 200', async ([fault, errcode, words], { wx }) => {
    await wx.post('/sandbox/faults', fault)
    const response = await fetchToken(wx)
    const body = await json(response)
    expect(response.status).toBe(200)
    expect(body).toEqual({ errcode, errmsg: expect.stringMatching(words) })
    expect(body['errmsg']).toMatch(rid)
    expect(wx.sandbox.requests.list().requests).toMatchObject([{ errcode, status: 200 }])
  })

  test('huge: 5 MB of JSON', async ({ wx }) => {
    await wx.post('/sandbox/faults', { kind: 'huge' })
    const text = await (await fetchToken(wx)).text()
    expect(text.length).toBeGreaterThan(5_000_000)
    expect(text).toMatch(/^\{"access_token":"/)
  })
})

describe('faults', () => {
  test('other than slow neither use the quota nor touch the token', async () => {
    const wx = await Platform.open({ accounts: [{ ...shop, dailyTokens: 2 }] })
    const token = await wx.token()
    const kinds = faultKinds.filter((kind) => kind !== 'slow' && kind !== 'hang')
    for (const kind of kinds) wx.sandbox.faults.add({ kind, times: 1, ...(kind === 'errcode' && { errcode: 1 }) })
    for (const _ of kinds)
      await fetchToken(wx)
        .then((response) => response.text())
        .catch(String)
    wx.sandbox.clock.advance(301)
    expect(await wx.verdict(token)).toBe(0)
    expect(await json(await fetchToken(wx))).toMatchObject({ expires_in: 7200 })
    await wx.sandbox.close()
  })

  test('last for `times` requests, the oldest first', async ({ wx }) => {
    await wx.post('/sandbox/faults', { kind: 'busy', times: 2 })
    await wx.post('/sandbox/faults', { kind: 'quota', times: 1 })
    const errcodes = []
    for (let times = 0; times < 4; times += 1) errcodes.push((await json(await fetchToken(wx)))['errcode'])
    expect(errcodes).toEqual([-1, -1, 45009, undefined])
  })

  test('befall the paths under their prefix, and never a control route', async ({ wx }) => {
    await wx.post('/sandbox/faults', { kind: 'busy', path: '/cgi-bin/token' })
    expect(await wx.stable()).toMatchObject({ expires_in: 7200 })
    expect(await json(await fetchToken(wx))).toMatchObject({ errcode: -1 })
    await wx.post('/sandbox/faults', { kind: 'reset', path: '/' })
    expect(await wx.get('/sandbox/clock')).toMatchObject({ offset: 0 })
  })

  test('are listed with the times they have left, and removed', async ({ wx }) => {
    await wx.post('/sandbox/faults', { kind: 'busy', times: 3 })
    await fetchToken(wx)
    expect(await wx.get('/sandbox/faults')).toEqual({ faults: [{ kind: 'busy', times: 2 }] })
    expect(await json(await wx.fetch('/sandbox/faults', {}, { method: 'DELETE' }))).toEqual({ faults: [] })
    expect(await json(await fetchToken(wx))).toMatchObject({ expires_in: 7200 })
  })

  test('of an unknown kind are refused with the list of kinds', async ({ wx }) => {
    const response = await wx.send('POST', '/sandbox/faults', { kind: 'meteor' })
    expect(response.status).toBe(400)
    expect(await json(response)).toEqual({ error: `"kind": must be one of ${faultKinds.join(', ')}` })
  })

  test.for([
    [{ kind: 'busy', time: 3 }],
    [{ kind: 'busy', times: 0 }],
    [{ kind: 'errcode' }],
    [{ kind: 'status', status: 200 }],
    [{ kind: 'slow', ms: -1 }],
    [[]],
    ['{'],
  ])('as wrong as %j are refused', async ([fault], { wx }) => {
    const response = await wx.send('POST', '/sandbox/faults', fault)
    expect(response.status).toBe(400)
    expect(wx.sandbox.faults.list()).toEqual([])
  })
})
