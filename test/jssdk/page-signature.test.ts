import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jssdkSignature } from '../../src/wechat/signature.js'
import { MovableClock } from '../support/movable-clock.js'
import { blog, RunningHub, readJson, shop } from '../support/running-hub.js'
import { pages, tricks } from './urls.js'

interface Signed {
  readonly appId: string
  readonly timestamp: number
  readonly nonceStr: string
  readonly signature: string
}

const jsDomains = ['www.example.com', 'shop.example.org']
const page = 'https://www.example.com/a?b=c'
const origin = 'https://www.example.com'

let running: RunningHub

beforeAll(async () => {
  running = await RunningHub.start({ shop: { jsDomains }, config: { limits: { pagesPerMinute: 0 } } })
})

afterAll(() => running.close())

const pathOf = (url: string, account = 'shop') => `/v1/${account}/jssdk?url=${encodeURIComponent(url)}`

/** As a page asks: without a key. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return running.request(path, { key: undefined, headers, method })
}

async function bodyWithoutId(response: Response): Promise<unknown> {
  const { requestId, ...body } = await readJson<Record<string, unknown>>(response)
  expect(requestId).toEqual(expect.any(String))
  return body
}

describe('the signature of a page', () => {
  it.each(pages)('is given without a key to %j, which is signed as it is', async (url) => {
    const response = await ask(pathOf(url))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    const signed = await readJson<Signed>(response)
    const [ticket = ''] = running.sandbox.tickets.living(shop.appID, 'jsapi')
    const [cut = ''] = url.split('#')
    expect(signed).toEqual({
      appId: shop.appID,
      timestamp: expect.any(Number),
      nonceStr: expect.stringMatching(/^\w{16,32}$/),
      signature: jssdkSignature(ticket, signed.nonceStr, signed.timestamp, cut),
    })
    expect(Math.abs(signed.timestamp - Date.now() / 1000)).toBeLessThan(60)
  })

  it('is given for the account’s appID as for its name', async () => {
    expect((await ask(pathOf(page, shop.appID))).status).toBe(200)
  })

  it.each(tricks)('is refused to %j', async (url) => {
    expect((await ask(pathOf(url))).status).toBe(403)
  })

  it('is refused alike for a strange page, an account without domains and one that is not there', async () => {
    const refusals = await Promise.all(
      [pathOf('https://evil.com/'), pathOf(page, 'blog'), pathOf(page, blog.appID), pathOf(page, 'nobody')].map(
        async (path) => {
          const response = await ask(path, { origin })
          return {
            status: response.status,
            names: [...response.headers.keys()].sort(),
            body: await bodyWithoutId(response),
          }
        },
      ),
    )
    const [strange, ...others] = refusals
    expect(strange).toMatchObject({ status: 403, body: { errcode: -403, errmsg: 'this page gets no signature' } })
    expect(JSON.stringify(strange)).not.toContain('example')
    for (const other of others) {
      expect(other).toMatchObject({ status: 403, body: strange?.body })
      // Only a page of the account itself learns more, since it is let in.
      expect(other.names).toEqual(strange?.names.filter((name) => !name.startsWith('access-control-')))
    }
  })

  it.each(['', '?url=', '?URL=https://www.example.com/', `?url=${page}&url=${page}`, '?url[]=a'])(
    'needs one url: %j',
    async (query) => {
      const response = await ask(`/v1/shop/jssdk${query}`)
      expect([response.status, await bodyWithoutId(response)]).toMatchObject([
        400,
        { errmsg: 'url must be given once' },
      ])
    },
  )

  it('is given to a back end by the same rule', async () => {
    expect((await running.request(pathOf(page))).status).toBe(200)
    expect((await running.request(pathOf('https://evil.com/'))).status).toBe(403)
  })

  it('is counted', async () => {
    const metrics = await (await running.request('/metrics')).text()
    for (const outcome of ['signed', 'refused']) {
      expect(metrics).toMatch(
        new RegExp(`wechat_hub_page_signatures_total\\{account="shop",outcome="${outcome}"\\} \\d+`),
      )
    }
  })
})

describe('a page of another origin', () => {
  it.each([
    'https://www.example.com',
    'http://www.example.com',
    'https://m.www.example.com',
    'https://shop.example.org',
  ])('may read the answer if it is on the domains: %s', async (from) => {
    const { status, headers } = await ask(pathOf(page), { origin: from })
    expect([status, headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual([200, from, 'Origin'])
    expect(headers.get('access-control-allow-credentials')).toBeNull()
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it.each([
    'https://evil.com',
    'https://www.example.com:8443',
    'https://www.example.com.evil.com',
    'https://evil-www.example.com',
    'null',
    'file://www.example.com',
  ])('may not read it otherwise: %s', async (from) => {
    const { status, headers } = await ask(pathOf(page), { origin: from })
    expect([status, headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual([200, null, 'Origin'])
  })

  it('may read why it is refused', async () => {
    for (const [path, status] of [
      [pathOf('https://evil.com/'), 403],
      ['/v1/shop/jssdk', 400],
    ] as const) {
      const response = await ask(path, { origin })
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([status, origin])
    }
  })

  it('is answered beforehand what it may', async () => {
    const allowed = await ask('/v1/shop/jssdk', { origin, 'access-control-request-method': 'GET' }, 'OPTIONS')
    expect(allowed.status).toBe(204)
    expect(Object.fromEntries(allowed.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET',
      vary: 'Origin',
      'cache-control': 'no-store',
    })
    for (const [path, from] of [
      ['/v1/shop/jssdk', 'https://evil.com'],
      ['/v1/blog/jssdk', origin],
      ['/v1/nobody/jssdk', origin],
    ] as const) {
      const refused = await ask(path, { origin: from, 'access-control-request-method': 'GET' }, 'OPTIONS')
      const names = [...refused.headers.keys()].filter((name) => name.startsWith('access-control-'))
      expect([refused.status, refused.headers.get('vary'), names]).toEqual([204, 'Origin', []])
    }
  })

  it('may read nothing else of the hub', async () => {
    for (const path of ['/v1/shop/access-token', '/v1/shop/ticket?type=jsapi', '/healthz', '/v1/shop/card-signature']) {
      const { headers } = await running.request(path, { headers: { origin } })
      expect([path, headers.get('access-control-allow-origin')]).toEqual([path, null])
    }
  })
})

describe('the script', () => {
  it('is served to anyone as JavaScript', async () => {
    const response = await ask('/v1/jssdk.js')
    expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.text()).toContain('window.wechatHub = {')
  })
})

describe('without a ticket', () => {
  async function refusedWith(errcode: number): Promise<{ status: number; body: unknown; retryAfter: string | null }> {
    const dry = await RunningHub.start({ shop: { jsDomains } })
    try {
      dry.sandbox.faults.add({ kind: 'errcode', errcode, path: '/cgi-bin/', times: 100 })
      const response = await dry.request(pathOf(page), { key: undefined, headers: { origin } })
      expect(response.headers.get('access-control-allow-origin')).toBe(origin)
      const retryAfter = response.headers.get('retry-after')
      return { status: response.status, body: await bodyWithoutId(response), retryAfter }
    } finally {
      await dry.close()
    }
  }

  it('the page is told to come again, and not why: that is for the log', async () => {
    const refusal = { errmsg: 'no page can be signed now', hint: expect.any(String) }
    const hint = "the log of the hub tells why: look for 'refresh-failed'"
    expect(await refusedWith(40125)).toEqual({
      status: 502,
      body: { ...refusal, errcode: -502, hint },
      retryAfter: expect.stringMatching(/^\d+$/),
    })
    expect(await refusedWith(45009)).toMatchObject({ status: 503, body: { ...refusal, errcode: -503, hint } })
  })

  it('a page is never signed with one that is dead', async () => {
    const clock = new MovableClock()
    const moved = await RunningHub.start({ clock, shop: { jsDomains } })
    try {
      const asked = () => moved.request(pathOf(page), { key: undefined })
      const signed = async () => readJson<Signed>(await asked())
      await signed()
      const [first = ''] = moved.sandbox.tickets.living(shop.appID, 'jsapi')
      moved.sandbox.faults.add({ kind: 'errcode', errcode: 48001, path: '/cgi-bin/ticket', times: 10_000 })
      await clock.advance(7_300_000, () => moved.settled())
      expect((await asked()).status).toBe(502)
      moved.sandbox.faults.clear()
      await clock.advance(120_000, () => moved.settled())
      const { nonceStr, timestamp, signature } = await signed()
      const [second = ''] = moved.sandbox.tickets.living(shop.appID, 'jsapi')
      expect(second).not.toBe(first)
      expect(signature).toBe(jssdkSignature(second, nonceStr, timestamp, page))
    } finally {
      await moved.close()
    }
  })
})

describe('an address that asks for too many pages', () => {
  it('is told to wait, whether they are signed or not, and the page may read it', async () => {
    const limited = await RunningHub.start({ shop: { jsDomains }, config: { limits: { pagesPerMinute: 3 } } })
    try {
      const statuses: number[] = []
      for (const path of [pathOf(page), pathOf('https://evil.com/'), pathOf(page, 'nobody'), pathOf(page)]) {
        statuses.push((await limited.request(path, { key: undefined })).status)
      }
      expect(statuses).toEqual([200, 403, 403, 429])
      const refused = await limited.request(pathOf(page), { headers: { origin } })
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(refused.headers.get('access-control-allow-origin')).toBe(origin)
      expect(refused.headers.get('access-control-expose-headers')).toBe('Retry-After')
      expect(await bodyWithoutId(refused)).toMatchObject({
        errcode: -429,
        errmsg: 'too many pages asked from this address',
      })
      // What is not about pages is counted apart.
      expect((await limited.request('/v1/shop/access-token')).status).toBe(200)
      expect((await limited.request('/v1/jssdk.js', { key: undefined })).status).toBe(200)
      const metrics = await (await limited.request('/metrics')).text()
      expect(metrics).toContain('wechat_hub_rate_limited_total{limit="page"} 2')
    } finally {
      await limited.close()
    }
  })
})
