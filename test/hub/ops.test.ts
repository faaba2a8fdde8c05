import { afterEach, describe, expect, it } from 'vitest'
import { MovableClock } from '../support/movable-clock.js'
import { RunningHub, readJson } from '../support/running-hub.js'

let running: RunningHub

afterEach(() => running.close())

interface Readyz {
  ready: boolean
  accounts?: Record<string, { ready: boolean; problem?: string; errcode?: number; hint?: string }>
}

describe('GET /healthz', () => {
  it('says that the hub is alive, to anyone', async () => {
    running = await RunningHub.start()
    const response = await running.request('/healthz', { key: undefined })
    expect([response.status, await response.json()]).toEqual([200, { alive: true }])
  })
})

describe('GET /readyz', () => {
  const readyz = (key?: string | undefined) => running.request('/readyz', key === undefined ? { key } : {})

  it('is ready before anybody has asked for a token', async () => {
    running = await RunningHub.start()
    expect((await readyz()).status).toBe(200)
  })

  it('is not ready when WeChat gives no token, and tells which account and what to do only to a key with the scope', async () => {
    running = await RunningHub.start()
    running.sandbox.faults.add({ kind: 'ip' })
    await running.request('/v1/shop/access-token')
    const stranger = await readyz()
    expect([stranger.status, await stranger.json()]).toEqual([503, { ready: false }])
    const known = await readJson<Readyz>(await readyz('known'))
    expect(known.accounts?.['blog']).toMatchObject({ ready: true })
    expect(known.accounts?.['shop']).toMatchObject({ ready: false, errcode: 40164 })
    expect(known.accounts?.['shop']?.hint).toContain('203.0.113.7')
  })

  it('is ready while the old token lives though WeChat fails, and says what is wrong', async () => {
    const clock = new MovableClock()
    running = await RunningHub.start({ clock })
    await running.request('/v1/shop/access-token')
    running.sandbox.faults.add({ kind: 'status' })
    await clock.advance(6_950_000, () => running.settled())
    const response = await readyz('known')
    expect(response.status).toBe(200)
    expect((await readJson<Readyz>(response)).accounts?.['shop']).toMatchObject({ ready: true, errcode: -1 })
    await clock.advance(300_000, () => running.settled())
    expect((await readyz()).status).toBe(503)
  })
})

describe('GET /metrics', () => {
  it('needs a key with the scope', async () => {
    running = await RunningHub.start()
    expect((await running.request('/metrics', { key: undefined })).status).toBe(401)
  })

  it('tells of refreshes, lives, latencies, requests by source, and the day’s fetches', async () => {
    running = await RunningHub.start()
    for (let i = 0; i < 3; i++) await running.request('/v1/shop/access-token')
    const response = await running.request('/metrics')
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0.0.4/)
    const text = await response.text()
    expect(text).toContain(
      'wechat_hub_refreshes_total{account="shop",credential="access_token",cause="cold",outcome="wechat"} 1',
    )
    expect(text).toMatch(/wechat_hub_credential_seconds_left\{account="shop",credential="access_token"\} 7(200|19\d)/)
    expect(text).toContain('wechat_hub_upstream_seconds_count{account="shop",path="/cgi-bin/token",outcome="ok"} 1')
    expect(text).toContain('wechat_hub_token_requests_total{account="shop",source="memory"} 2')
    expect(text).toContain('wechat_hub_token_requests_total{account="shop",source="wechat"} 1')
    expect(text).toContain('wechat_hub_fetches_today{account="shop"} 1')
    expect(text).toContain('wechat_hub_fetches_daily_limit{account="shop"} 2000')
  })

  it('tells of a failed refresh with the code of its error', async () => {
    running = await RunningHub.start()
    running.sandbox.faults.add({ kind: 'ip' })
    await running.request('/v1/shop/access-token')
    const text = await (await running.request('/metrics')).text()
    expect(text).toContain('cause="cold",outcome="ERRCODE"} 1')
  })
})
