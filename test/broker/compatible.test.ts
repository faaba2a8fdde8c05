import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MovableClock } from '../support/movable-clock.js'
import { blog, RunningHub, shop } from '../support/running-hub.js'
import { clientWith, fieldsOf, quiet, SdkRequests, whileTimePasses } from './sdk-requests.js'

const crm = clientWith('token', 'ticket')
const bot = clientWith('gateway:/cgi-bin/*')
const page = clientWith('ticket')
const probe = clientWith('metrics')
const clients = { crm: crm.settings, bot: bot.settings, page: page.settings, probe: probe.settings }

let clock: MovableClock
let running: RunningHub
const sdk = new SdkRequests(() => running)

beforeEach(async () => {
  clock = new MovableClock()
  running = await RunningHub.start({ clock, config: { clients } })
})

afterEach(() => running.close())

const requestId = expect.any(String)
const hint = expect.any(String)

/** The two ways to a token, with the same fields. */
const ways = [
  {
    way: 'GET /cgi-bin/token',
    ask: (fields: Record<string, string>) => sdk.get(`/cgi-bin/token?${new URLSearchParams(fields)}`),
  },
  {
    way: 'POST /cgi-bin/stable_token',
    ask: (fields: Record<string, string>) => sdk.post('/cgi-bin/stable_token', JSON.stringify(fields)),
  },
]
const right = { grant_type: 'client_credential', appid: shop.appID, secret: crm.key }

describe.each(ways)('$way', ({ ask }) => {
  it('answers as WeChat does, and nothing else', async () => {
    const response = await ask(right)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const { wechat } = running.hub.accounts.find('shop') ?? {}
    expect(await response.json()).toStrictEqual({ access_token: await wechat?.fetchAccessToken(), expires_in: 7200 })
  })

  it('answers a hub token to a client without the scope token', async () => {
    const answer = await fieldsOf(ask({ ...right, secret: bot.key }))
    expect(answer).toStrictEqual({ access_token: expect.stringMatching(/^wht_/), expires_in: 7200 })
    expect(running.sandbox.requests.count('/cgi-bin/token')).toBe(0)
  })

  it.each([
    ['another grant_type', { grant_type: 'authorization_code' }, 40002, 'invalid grant_type'],
    ['no grant_type', { grant_type: undefined }, 40002, 'invalid grant_type'],
    ['no appid', { appid: undefined }, 41002, 'appid missing'],
    ['an empty appid', { appid: '' }, 41002, 'appid missing'],
    ['no secret', { secret: undefined }, 41004, 'appsecret missing'],
    ['an empty secret', { secret: '' }, 41004, 'appsecret missing'],
    ['a key that is none', { secret: 'whk_0' }, 40125, 'invalid appsecret'],
    ['the real AppSecret', { secret: shop.appSecret }, 40125, 'invalid appsecret'],
    ['an account that there is not', { appid: 'wx00000000000000aa' }, 40013, 'invalid appid'],
    ['an account of others', { appid: blog.appID }, 40013, 'invalid appid'],
    ['a key that opens no path', { secret: probe.key }, 48001, 'api unauthorized'],
  ])('refuses %s', async (_what, change, errcode, errmsg) => {
    const fields = Object.entries({ ...right, ...change }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    )
    expect(await fieldsOf(ask(Object.fromEntries(fields)))).toStrictEqual({ errcode, errmsg, hint, requestId })
    expect(running.sandbox.requests.list('/cgi-bin').count).toBe(0)
  })

  it('lets nobody tell an account of others from one that there is not', async () => {
    const answers = [blog.appID, 'wx00000000000000aa', 'blog'].map(async (appid) => {
      const response = await ask({ ...right, appid })
      const { requestId: _own, ...fields } = await fieldsOf(response)
      const headers = [...response.headers].filter(([name]) => name !== 'x-request-id' && name !== 'date')
      return JSON.stringify([fields, headers])
    })
    const [first, ...others] = await Promise.all(answers)
    for (const other of others) expect(other.length).toBe(first?.length)
    expect(others).toEqual([first, first])
  })

  it('passes WeChat’s refusal on in WeChat’s words, with the time to wait', async () => {
    running.sandbox.faults.add({ kind: 'ip', path: '/cgi-bin/token' })
    const response = await ask(right)
    expect(response.headers.get('retry-after')).toBe('60')
    const { errcode, errmsg, hint: remedy } = await fieldsOf(response)
    expect([errcode, errmsg, remedy]).toEqual([40164, expect.stringContaining('203.0.113.7'), expect.any(String)])
  })

  it('answers -1 when WeChat stays busy, no later than 8 s', async () => {
    running.sandbox.faults.add({ kind: 'busy', path: '/cgi-bin/token' })
    const before = clock.monotonic()
    const response = await whileTimePasses(clock, running, ask(right))
    expect(clock.monotonic() - before).toBeLessThanOrEqual(8_250)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await fieldsOf(response))['errcode']).toBe(-1)
  })

  it.each([40001, 42001])(
    'does not pass on that WeChat said %i to the hub: SDKs would fetch without end',
    async (at) => {
      running.sandbox.faults.add({ kind: 'errcode', errcode: at, path: '/cgi-bin/token' })
      expect(await fieldsOf(ask(right))).toMatchObject({ errcode: 40125, errmsg: expect.stringContaining(String(at)) })
    },
  )

  it('tells the seconds that the real token has to live, to the second', async () => {
    for (const seconds of [0, 0.4, 1, 1234, 5000]) {
      await clock.advance(seconds * 1000, () => quiet(running))
      const { access_token, expires_in } = await fieldsOf(ask(right))
      const issued = running.sandbox.tokens.find(String(access_token))
      expect(expires_in).toBe(Math.floor(((issued?.dies_at ?? 0) - clock.now()) / 1000))
      expect((await fieldsOf(ask({ ...right, secret: bot.key })))['expires_in']).toBe(7200)
    }
  })
})

describe('the wrong method', () => {
  it('is told as WeChat does', async () => {
    expect(await fieldsOf(sdk.post('/cgi-bin/token', JSON.stringify(right)))).toStrictEqual({
      ...{ errcode: 43001, errmsg: 'require GET method', requestId },
    })
    expect(await fieldsOf(sdk.get(`/cgi-bin/stable_token?${new URLSearchParams(right)}`))).toStrictEqual({
      ...{ errcode: 43002, errmsg: 'require POST method', requestId },
    })
  })
})

describe('fields that are not single texts', () => {
  it('count as missing in a query', async () => {
    const query = new URLSearchParams(right)
    for (const [name, errcode] of [
      ['grant_type', 40002] as const,
      ['appid', 41002] as const,
      ['secret', 41004] as const,
    ]) {
      const twice = new URLSearchParams(query)
      twice.append(name, query.get(name) ?? '')
      expect(await fieldsOf(sdk.get(`/cgi-bin/token?${twice}`))).toMatchObject({ errcode })
    }
  })

  it.each([[[crm.key]], [{ key: crm.key }], [1], [null], [true]])('count as missing in a body: %j', async (secret) => {
    expect(await fieldsOf(sdk.stableToken('', { secret }))).toMatchObject({ errcode: 41004 })
    expect(await fieldsOf(sdk.stableToken(crm.key, { appid: secret }))).toMatchObject({ errcode: 41002 })
  })
})

describe('the body of POST /cgi-bin/stable_token', () => {
  const body = JSON.stringify(right)

  it.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=gbk'])(
    'is read as JSON, though it says %s',
    async (type) => {
      const answer = await fieldsOf(sdk.post('/cgi-bin/stable_token', body, { 'content-type': type }))
      expect(answer).toHaveProperty('access_token')
    },
  )

  it('is read as JSON without a content type', async () => {
    expect(await fieldsOf(sdk.post('/cgi-bin/stable_token', body))).toHaveProperty('access_token')
  })

  it.each([
    ['', 'nothing'],
    ['{', 'broken JSON'],
    [new URLSearchParams(right).toString(), 'a form'],
    [`[${body}]`, 'a list'],
    ['null', 'null'],
    ['"text"', 'a text'],
  ])('is refused: %s (%s)', async (text) => {
    expect(await fieldsOf(sdk.post('/cgi-bin/stable_token', text))).toStrictEqual({
      ...{ errcode: 47001, errmsg: 'data format error', hint, requestId },
    })
  })

  it('may have 64 KiB and no more', async () => {
    const padded = (length: number) => body.padEnd(length, ' ')
    expect(await fieldsOf(sdk.post('/cgi-bin/stable_token', padded(64 * 1024)))).toHaveProperty('access_token')
    const refused = await sdk.post('/cgi-bin/stable_token', padded(64 * 1024 + 1))
    expect(refused.headers.get('connection')).toBe('close')
    expect(await fieldsOf(refused)).toMatchObject({ errcode: 47001, hint: 'the body is longer than 65536 bytes' })
  })

  it('ends the connection when it is too long and does not say so beforehand', async () => {
    const piece = new Uint8Array(10_000).fill(0x20)
    let left = 10
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        left -= 1
        if (left < 0) controller.close()
        else controller.enqueue(piece)
      },
    })
    const refused = await sdk.post('/cgi-bin/stable_token', stream)
    expect(refused.headers.get('connection')).toBe('close')
    expect(await fieldsOf(refused)).toMatchObject({ errcode: 47001 })
  })
})

describe('limits', () => {
  it('refuse in WeChat’s words a client that asks too often, and an address without a right key', async () => {
    await running.close()
    running = await RunningHub.start({ config: { clients, limits: { clientPerMinute: 2, refusedPerMinute: 2 } } })
    for (const secret of [crm.key, 'wrong']) {
      for (const _time of [1, 2]) await fieldsOf(sdk.token(secret))
      const refused = await sdk.stableToken(secret)
      const seconds = Number(refused.headers.get('retry-after'))
      expect(seconds > 0 && seconds <= 60).toBe(true)
      expect(await fieldsOf(refused)).toMatchObject({
        errcode: 45011,
        errmsg: expect.stringMatching(/^api minute-quota/),
      })
    }
    expect(await fieldsOf(sdk.token(bot.key))).toHaveProperty('access_token')
  })
})

describe('GET /cgi-bin/ticket/getticket', () => {
  const path = (access_token: unknown, type = 'jsapi') =>
    `/cgi-bin/ticket/getticket?access_token=${access_token}&type=${type}`
  const tokenOf = async (key: string) => String((await fieldsOf(sdk.token(key)))['access_token'])

  it.each([
    ['a real access_token', crm.key],
    ['a hub token with the scope ticket', page.key],
  ])('answers %s as WeChat does', async (_what, key) => {
    const token = await tokenOf(key)
    for (const type of ['jsapi', 'wx_card'] as const) {
      const ticket = await running.hub.accounts.find('shop')?.wechat.fetchTicket(type)
      const right = { errcode: 0, errmsg: 'ok', ticket, expires_in: 7200 }
      expect(await fieldsOf(sdk.get(path(token, type)))).toStrictEqual(right)
      expect(await fieldsOf(sdk.post(path(token, type), ''))).toStrictEqual(right)
    }
    await clock.advance(1000)
    expect(await fieldsOf(sdk.get(path(token)))).toMatchObject({ expires_in: 7199 })
  })

  it('refuses in WeChat’s words', async () => {
    const hubToken = await tokenOf(page.key)
    const real = await tokenOf(crm.key)
    const refusals = [
      ['/cgi-bin/ticket/getticket?type=jsapi', 41001, 'access_token missing'],
      [`${path(real)}&access_token=${real}`, 41001, 'access_token missing'],
      [path('', 'jsapi'), 40001, 'invalid credential'],
      [path('made-up'), 40001, 'invalid credential'],
      [path(`${hubToken}x`), 42001, 'access_token expired'],
      [path(await tokenOf(bot.key)), 48001, 'api unauthorized'],
      [path(real, 'card'), 40097, 'invalid args'],
      [path(hubToken, 'jsapi&type=jsapi'), 40097, 'invalid args'],
      [`/cgi-bin/ticket/getticket?access_token=${real}`, 40097, 'invalid args'],
    ] as const
    for (const [target, errcode, errmsg] of refusals) {
      const answer = await fieldsOf(sdk.get(target))
      expect(answer).toStrictEqual({ errcode, errmsg: expect.stringContaining(errmsg), hint, requestId })
    }
    expect(running.sandbox.requests.count('/cgi-bin/ticket/getticket')).toBe(0)
  })

  it('says -1 when WeChat goes on refusing the hub’s own access_token, not that the caller’s is dead', async () => {
    const token = await tokenOf(page.key)
    running.sandbox.faults.add({ kind: 'errcode', errcode: 40001, path: '/cgi-bin/ticket' })
    const response = await whileTimePasses(clock, running, sdk.get(path(token)))
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await fieldsOf(response)).toMatchObject({ errcode: -1 })
  })
})
