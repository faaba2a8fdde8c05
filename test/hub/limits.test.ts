import { afterEach, describe, expect, it } from 'vitest'
import { hashKey, makeKey } from '../../src/access/key.js'
import { hubKey, RunningHub, readJson } from '../support/running-hub.js'

const crm = makeKey()
const clients = {
  crm: { keyHash: [hashKey(crm)], accounts: ['shop'], scopes: ['token' as const] },
}
const path = '/v1/shop/access-token'

let running: RunningHub

afterEach(() => running.close())

async function start(clientPerMinute: number, refusedPerMinute: number, trustProxy = false): Promise<void> {
  const limits = { clientPerMinute, refusedPerMinute }
  running = await RunningHub.start({
    config: { clients, limits, server: { port: 0, host: '127.0.0.1', trustProxy, workers: 1 } },
  })
}

/** The statuses of so many requests, one after the other. */
async function statuses(times: number, ask: () => Promise<Response>): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < times; i += 1) {
    const response = await ask()
    await response.text()
    found.push(response.status)
  }
  return found
}

describe('a client that asks too often', () => {
  it('is refused, told when to come again, and does not hold up the others', async () => {
    await start(3, 300)
    expect(await statuses(4, () => running.request(path, { key: crm }))).toEqual([200, 200, 200, 429])
    const refused = await running.request(path, { key: crm })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(await refused.json()).toMatchObject({
      errcode: -429,
      errmsg: 'this client has asked too often',
      requestId: refused.headers.get('x-request-id'),
    })
    expect((await running.request(path)).status).toBe(200)
    const metrics = await (await running.request('/metrics')).text()
    expect(metrics).toContain('wechat_hub_rate_limited_total{limit="client"} 2')
  })

  it('is refused for what it may not do as well', async () => {
    await start(2, 300)
    expect(await statuses(3, () => running.request('/metrics', { key: crm }))).toEqual([403, 403, 429])
  })
})

describe('an address that shows no right key', () => {
  it('is refused with 429 in the end, but a right key is not', async () => {
    await start(0, 3)
    const wrong = () => running.request(path, { key: 'wrong' })
    expect(await statuses(2, wrong)).toEqual([401, 401])
    expect(await statuses(3, () => running.request(path, { key: undefined }))).toEqual([401, 429, 429])
    const refused = await wrong()
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await statuses(10, () => running.request(path, { key: crm }))).toEqual(Array(10).fill(200))
    const metrics = await (await running.request('/metrics')).text()
    expect(metrics).toContain('wechat_hub_rate_limited_total{limit="address"} 3')
  })

  it('is that of X-Forwarded-For only behind a proxy that is trusted', async () => {
    const from = (address: string) =>
      running.request(path, { key: undefined, headers: { 'x-forwarded-for': `203.0.113.9, ${address}` } })
    await start(0, 1, true)
    expect(await statuses(2, () => from('2001:db8::1'))).toEqual([401, 429])
    expect(await statuses(2, () => from('2001:db8:0:1::1'))).toEqual([401, 429])
    await running.close()
    await start(0, 1)
    expect(await statuses(1, () => from('2001:db8::1'))).toEqual([401])
    expect(await statuses(1, () => from('2001:db8:0:1::1'))).toEqual([429])
  })

  it('can ask for health as often as it likes, and try keys there no more than elsewhere', async () => {
    await start(0, 2)
    expect(await statuses(5, () => running.request('/readyz', { key: undefined }))).toEqual(Array(5).fill(200))
    expect(await statuses(2, () => running.request('/readyz', { key: 'wrong' }))).toEqual([200, 200])
    expect(await statuses(1, () => running.request(path, { key: 'wrong' }))).toEqual([429])
    expect(await readJson(await running.request('/readyz', { key: hubKey }))).toHaveProperty('accounts')
  })
})
