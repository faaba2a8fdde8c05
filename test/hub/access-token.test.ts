import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GivenAccessToken } from '../../src/broker/access-token.js'
import { RunningHub, readJson, shop } from '../support/running-hub.js'

let running: RunningHub

beforeEach(async () => {
  running = await RunningHub.start()
})

afterEach(() => running.close())

const fetches = () => running.sandbox.requests.count('/cgi-bin/token')

describe('GET /v1/:account/access-token', () => {
  it('gives a token that WeChat takes, its true life, and where it came from', async () => {
    const first = await running.token('/v1/shop/access-token')
    const second = await running.token('/v1/shop/access-token')
    expect(first.from).toBe('wechat')
    expect(second).toEqual({ access_token: first.access_token, expires_in: expect.any(Number), from: 'memory' })
    expect(second.expires_in).toBeGreaterThan(7190)
    expect(second.expires_in).toBeLessThanOrEqual(7200)
    const token = running.sandbox.tokens.find(first.access_token)
    expect(running.sandbox.tokens.judge(token)).toBe('live')
  })

  it('takes the appID for the name of the account', async () => {
    const byName = await running.token('/v1/shop/access-token')
    const byAppID = await running.token(`/v1/${shop.appID}/access-token`)
    expect(byAppID.access_token).toBe(byName.access_token)
  })

  it('keeps the accounts apart', async () => {
    const one = await running.token('/v1/shop/access-token')
    const other = await running.token('/v1/blog/access-token')
    expect(other.access_token).not.toBe(one.access_token)
  })

  it('is refused without a key', async () => {
    const response = await running.request('/v1/shop/access-token', { key: undefined })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer /)
    expect(await response.json()).toMatchObject({ errcode: -401, requestId: response.headers.get('x-request-id') })
    expect(fetches()).toBe(0)
  })

  it('tells of a fault of WeChat with its errcode, a hint, and when to come again', async () => {
    running.sandbox.faults.add({ kind: 'ip' })
    const response = await running.request('/v1/shop/access-token')
    expect(response.status).toBe(502)
    const { errcode, errmsg, hint } = await readJson<{ errcode: number; errmsg: string; hint: string }>(response)
    expect(errcode).toBe(40164)
    expect(errmsg).toContain('not on the account')
    expect(hint).toContain('203.0.113.7')
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('POST /v1/:account/access-token/rejected', () => {
  it('replaces a token that WeChat refuses, once, and answers the new one', async () => {
    const { access_token } = await running.token('/v1/shop/access-token')
    running.sandbox.tokens.issue(shop.appID, 'token', { atOnce: true })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => running.post('/v1/shop/access-token/rejected', { access_token })),
    )
    const tokens = new Set(
      await Promise.all(answers.map(async (answer) => (await readJson<GivenAccessToken>(answer)).access_token)),
    )
    expect([...tokens]).toEqual([expect.not.stringContaining(access_token)])
    expect(fetches()).toBe(2)
  })

  it('names the thief: the log says which client noticed it, and the metric counts it', async () => {
    const { access_token } = await running.token('/v1/shop/access-token')
    running.sandbox.tokens.issue(shop.appID, 'token', { atOnce: true })
    await running.post('/v1/shop/access-token/rejected', { access_token })
    const line = running.logLines.map((text) => JSON.parse(text)).find(({ event }) => event === 'died-early')
    expect(line).toMatchObject({ level: 'warn', account: 'shop', noticedBy: 'client hub', age: expect.any(Number) })
    const metrics = await (await running.request('/metrics')).text()
    expect(metrics).toContain('wechat_hub_tokens_died_early_total{account="shop"} 1')
  })

  it('keeps a token that WeChat takes', async () => {
    const { access_token } = await running.token('/v1/shop/access-token')
    const answer = await readJson(await running.post('/v1/shop/access-token/rejected', { access_token }))
    expect(answer).toMatchObject({ access_token })
    expect(fetches()).toBe(1)
  })

  it.each([
    ['no token', '{}', 400],
    ['a token that is no text', '{"access_token":["a"]}', 400],
    ['no JSON', '{', 400],
    ['a list', '[]', 400],
    ['more than 64 KiB', JSON.stringify({ access_token: 'a'.repeat(64 * 1024) }), 413],
  ])('refuses %s', async (_what, body, status) => {
    const headers = { 'content-type': 'application/json' }
    const response = await running.request('/v1/shop/access-token/rejected', { method: 'POST', headers, body })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ errcode: -status, errmsg: expect.any(String) })
  })

  it('refuses a body that is not said to be JSON', async () => {
    const body = '{"access_token":"a"}'
    const response = await running.request('/v1/shop/access-token/rejected', { method: 'POST', body })
    expect(response.status).toBe(415)
  })
})

describe('GET /getAccessToken', () => {
  it('needs a key where the account is a real one', async () => {
    expect((await running.request('/getAccessToken', { key: undefined })).status).toBe(401)
  })

  it('gives the token of the first account, or of the one that the query names', async () => {
    const standard = await running.token('/getAccessToken')
    const named = await running.token('/getAccessToken?account=shop')
    const other = await running.token('/getAccessToken?account=blog')
    expect(named.access_token).toBe(standard.access_token)
    expect(other.access_token).not.toBe(standard.access_token)
    expect((await running.request('/getAccessToken?account=nobody')).status).toBe(404)
    const twice = await running.token('/getAccessToken?account=blog&account=blog')
    expect(twice.access_token).toBe(standard.access_token)
  })
})
