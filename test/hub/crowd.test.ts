import { Pool } from 'undici'
import { expect, it } from 'vitest'
import { hubKey, RunningHub, shop } from '../support/running-hub.js'

it('answers 10,000 callers at once on a cold hub with one upstream call (P1)', async () => {
  const running = await RunningHub.start()
  const pool = new Pool(running.url, { connections: 400, pipelining: 25 })
  try {
    // Slow enough for all of them to be waiting before WeChat answers.
    running.sandbox.faults.add({ kind: 'slow', ms: 3000, path: '/cgi-bin/token' })
    const headers = { authorization: `Bearer ${hubKey}` }
    const answers = await Promise.all(
      Array.from({ length: 10_000 }, async () => {
        const { statusCode, body } = await pool.request({ path: '/v1/shop/access-token', method: 'GET', headers })
        return { statusCode, text: await body.text() }
      }),
    )
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ text }) => JSON.parse(text).access_token)).size).toBe(1)
    expect(running.sandbox.requests.count('/cgi-bin/token')).toBe(1)
    expect(running.sandbox.requests.inFlight.most(shop.appID)).toBe(1)
  } finally {
    await pool.destroy()
    await running.close()
  }
})
