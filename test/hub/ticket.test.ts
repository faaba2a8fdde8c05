import { Pool } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { hashKey, makeKey } from '../../src/access/key.js'
import type { GivenTicket } from '../../src/broker/ticket.js'
import { MovableClock } from '../support/movable-clock.js'
import { blog, hubKey, RunningHub, readJson, shop } from '../support/running-hub.js'

let running: RunningHub

afterEach(() => running.close())

const ticketPath = '/cgi-bin/ticket/getticket'
const fetches = () => running.sandbox.requests.count(ticketPath)

async function ticket(path: string): Promise<GivenTicket> {
  return readJson(await running.request(path))
}

async function metrics(): Promise<string> {
  return (await running.request('/metrics')).text()
}

/** The log's lines that tell of an event. */
function events(): Record<string, unknown>[] {
  return running.logLines.map((line) => JSON.parse(line)).filter(({ event }) => event !== undefined)
}

describe('GET /v1/:account/ticket', () => {
  it.each(['jsapi', 'wx_card'] as const)(
    'gives the ticket %s of WeChat, its life, and where it came from',
    async (type) => {
      running = await RunningHub.start({ clock: new MovableClock() })
      const first = await ticket(`/v1/shop/ticket?type=${type}`)
      expect(first).toEqual({
        ticket: running.sandbox.tickets.get(shop.appID, type).ticket,
        expires_in: 7200,
        from: 'wechat',
      })
      expect(await ticket(`/v1/${shop.appID}/ticket?type=${type}`)).toEqual({ ...first, from: 'memory' })
      expect(fetches()).toBe(1)
    },
  )

  it('never tells too long a life', async () => {
    const clock = new MovableClock()
    running = await RunningHub.start({ clock })
    await ticket('/v1/shop/ticket?type=jsapi')
    for (const [ms, left] of [
      [1, 7199],
      [999, 7199],
      [1, 7198],
      [6_000_000, 1198],
    ] as const) {
      await clock.advance(ms)
      expect(await ticket('/v1/shop/ticket?type=jsapi')).toMatchObject({ expires_in: left, from: 'memory' })
    }
  })

  it('keeps types and accounts apart', async () => {
    running = await RunningHub.start()
    const paths = ['shop', 'blog'].flatMap((name) =>
      ['jsapi', 'wx_card'].map((type) => `/v1/${name}/ticket?type=${type}`),
    )
    const given = await Promise.all(paths.map(ticket))
    expect(new Set(given.map((each) => each.ticket)).size).toBe(4)
    expect(given.at(-1)?.ticket).toBe(running.sandbox.tickets.get(blog.appID, 'wx_card').ticket)
  })

  it('answers 1,000 callers on a cold hub with one upstream call (P1)', async () => {
    running = await RunningHub.start()
    running.sandbox.faults.add({ kind: 'slow', ms: 1000, path: ticketPath })
    const pool = new Pool(running.url, { connections: 40, pipelining: 25 })
    const headers = { authorization: `Bearer ${hubKey}` }
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async () => {
        const { body } = await pool.request({ path: '/v1/shop/ticket?type=jsapi', method: 'GET', headers })
        return body.text()
      }),
    )
    await pool.destroy()
    expect(new Set(answers.map((text) => JSON.parse(text).ticket)).size).toBe(1)
    expect(fetches()).toBe(1)
  })

  it.each(['', '?type=', '?type=JSAPI', '?type=card', '?type=jsapi&type=jsapi', '?type[]=jsapi', '?type=constructor'])(
    'refuses the query %j with a hint, and asks WeChat nothing',
    async (query) => {
      running = await RunningHub.start()
      const response = await running.request(`/v1/shop/ticket${query}`)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({
        errcode: -400,
        errmsg: expect.stringContaining('type'),
        hint: expect.stringMatching(/\?type=jsapi.*\?type=wx_card/),
      })
      expect(running.sandbox.requests.list().count).toBe(0)
    },
  )

  it('needs a key with the scope ticket: one with the scope token opens nothing', async () => {
    const keys = { ticket: makeKey(), token: makeKey() }
    const client = { keyHash: [hashKey(keys.ticket)], accounts: ['shop'], scopes: ['ticket' as const] }
    const other = { keyHash: [hashKey(keys.token)], accounts: ['shop'], scopes: ['token' as const] }
    running = await RunningHub.start({ config: { clients: { client, other } } })
    const statusOf = async (path: string, key: string | undefined) => (await running.request(path, { key })).status
    const path = '/v1/shop/ticket?type=jsapi'
    const refused = [await statusOf(path, undefined), await statusOf(path, keys.token)]
    refused.push(await statusOf('/v1/blog/ticket?type=jsapi', keys.ticket))
    expect(refused).toEqual([401, 403, 403])
    expect(fetches()).toBe(0)
    expect(await statusOf(path, keys.ticket)).toBe(200)
    expect(await statusOf('/v1/shop/access-token', keys.ticket)).toBe(403)
  })

  it('tells of a fault of WeChat with its errcode, a hint, and when to come again', async () => {
    running = await RunningHub.start()
    running.sandbox.faults.add({ kind: 'errcode', errcode: 48001, path: ticketPath })
    const response = await running.request('/v1/shop/ticket?type=wx_card')
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({
      errcode: 48001,
      errmsg: expect.stringContaining('No wx_card_ticket can be had now'),
      hint: expect.stringContaining('接口权限'),
    })
    expect(response.headers.get('retry-after')).toBe('60')
  })

  it('is 503 when the quota is used up', async () => {
    running = await RunningHub.start()
    running.sandbox.faults.add({ kind: 'quota', path: ticketPath })
    const response = await running.request('/v1/shop/ticket?type=jsapi')
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '3600'])
  })

  it('recovers from a stolen access_token by itself, and the log names the thief', async () => {
    running = await RunningHub.start()
    await running.token('/v1/shop/access-token')
    running.sandbox.tokens.issue(shop.appID, 'token', { atOnce: true })
    expect(await ticket('/v1/shop/ticket?type=jsapi')).toMatchObject({ from: 'wechat' })
    expect(events().find(({ event }) => event === 'died-early')).toMatchObject({
      credential: 'access_token',
      noticedBy: `a call of ${ticketPath}`,
    })
  })
})

describe('what a ticket leaves behind', () => {
  it('is counted under its own name, and not as a token', async () => {
    running = await RunningHub.start()
    for (let i = 0; i < 3; i += 1) await ticket('/v1/shop/ticket?type=jsapi')
    await ticket('/v1/blog/ticket?type=wx_card')
    const text = await metrics()
    expect(text).toContain(
      'wechat_hub_refreshes_total{account="shop",credential="jsapi_ticket",cause="cold",outcome="wechat"} 1',
    )
    expect(text).toContain(
      'wechat_hub_refreshes_total{account="shop",credential="access_token",cause="cold",outcome="wechat"} 1',
    )
    expect(text).toContain(
      'wechat_hub_ticket_requests_total{account="shop",credential="jsapi_ticket",source="memory"} 2',
    )
    expect(text).toContain(
      'wechat_hub_ticket_requests_total{account="blog",credential="wx_card_ticket",source="wechat"} 1',
    )
    expect(text).not.toContain('wechat_hub_token_requests_total{')
    expect(text).toContain('wechat_hub_fetches_today{account="shop"} 1')
  })

  it('is a life in the metrics, if it was asked for', async () => {
    running = await RunningHub.start()
    await ticket('/v1/shop/ticket?type=jsapi')
    const text = await metrics()
    const lives = [
      ...text.matchAll(/^wechat_hub_credential_seconds_left\{account="(\w+)",credential="(\w+)"\} (\d+)$/gm),
    ]
    expect(lives.map(([, account, credential, left]) => [account, credential, Number(left) > 7000])).toEqual([
      ['shop', 'access_token', true],
      ['shop', 'jsapi_ticket', true],
      ['blog', 'access_token', false],
    ])
  })

  it('is a line of the log that names it, without the ticket (P6)', async () => {
    running = await RunningHub.start()
    const given = await ticket('/v1/shop/ticket?type=jsapi')
    running.sandbox.faults.add({ kind: 'quota', path: ticketPath })
    await running.request('/v1/shop/ticket?type=wx_card')
    expect(events().map(({ event, credential, level, msg }) => [event, credential, level, msg])).toEqual([
      ['refreshed', 'access_token', 'info', 'access_token refreshed'],
      ['refreshed', 'jsapi_ticket', 'info', 'jsapi_ticket refreshed'],
      ['refresh-failed', 'wx_card_ticket', 'error', 'wx_card_ticket not refreshed, and there is none to give out'],
    ])
    expect(running.logLines.join('')).not.toContain(given.ticket)
  })

  it('does not make the hub unready when it fails, but those who may see it are told', async () => {
    running = await RunningHub.start()
    running.sandbox.faults.add({ kind: 'errcode', errcode: 48001, path: ticketPath })
    await running.request('/v1/shop/ticket?type=jsapi')
    const stranger = await running.request('/readyz', { key: undefined })
    expect([stranger.status, await stranger.json()]).toEqual([200, { ready: true }])
    const known = await readJson<{ accounts: Record<string, object> }>(await running.request('/readyz'))
    expect(known.accounts['shop']).toEqual({
      ready: true,
      token_seconds_left: expect.any(Number),
      tickets: {
        jsapi_ticket: {
          seconds_left: 0,
          problem: expect.stringContaining('48001'),
          errcode: 48001,
          hint: expect.stringContaining('接口权限'),
        },
      },
    })
    expect(known.accounts['blog']).toEqual({ ready: true, token_seconds_left: 0 })
  })

  it('is used again after a restart, without a call', async () => {
    running = await RunningHub.start()
    const before = await ticket('/v1/shop/ticket?type=jsapi')
    const { dataDir } = running
    await running.hub.close()
    const second = await RunningHub.start({ dataDir })
    const after: GivenTicket = await readJson(await second.request('/v1/shop/ticket?type=jsapi'))
    expect(after).toMatchObject({ ticket: before.ticket, from: 'store' })
    expect(second.sandbox.requests.list().count).toBe(0)
    await second.close()
  })
})
