import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileStore } from '../../src/stores/file.js'
import type { TicketRecord, WechatOptions } from '../../src/wechat/options.js'
import { Secrets } from '../../src/wechat/secrets.js'
import { memoryStorage, type Storage } from '../../src/wechat/storage.js'
import { ticketTypes } from '../../src/wechat/ticket-endpoint.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { account, Scene } from '../support/scene.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { Upstream } from '../support/upstream.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

const now = Date.UTC(2026, 0, 1)

function crowd(wechat: Wechat, type: (typeof ticketTypes)[number]): Promise<string[]> {
  return Promise.all(Array.from({ length: 1000 }, () => wechat.fetchTicket(type)))
}

describe.each(ticketTypes)('the ticket %s', (type) => {
  it('is fetched once for 1,000 callers on a cold start, and the access_token with it (P1)', async () => {
    const wechat = scene.wechat()
    expect(new Set(await crowd(wechat, type)).size).toBe(1)
    expect([scene.ticketFetches, scene.fetches]).toEqual([1, 1])
  })

  it('is fetched once for 1,000 callers when it has expired', async () => {
    const wechat = scene.wechat()
    const [first] = await crowd(wechat, type)
    scene.clock.freeze(7_200_000)
    const next = new Set(await crowd(wechat, type))
    expect(next.size).toBe(1)
    expect(next).not.toContain(first)
    expect([scene.ticketFetches, scene.fetches]).toEqual([2, 2])
  })

  it('is given with its true life, and where it came from', async () => {
    const ticket = scene.wechat().ticket(type)
    expect(await ticket.get()).toMatchObject({ expiresAt: now + 7_200_000, from: 'wechat' })
    await scene.pass(1000)
    expect(await ticket.get()).toMatchObject({ expiresAt: now + 7_200_000, from: 'memory' })
    expect(ticket.state).toMatchObject({ secondsLeft: 6200, failure: undefined })
  })

  it('is refreshed 290 s ahead of its end while nobody waits (P3)', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchTicket(type)
    await scene.pass(7200 - 291)
    expect(scene.ticketFetches).toBe(1)
    expect(await wechat.fetchTicket(type)).toBe(first)
    await scene.pass(1)
    expect(scene.ticketFetches).toBe(2)
    expect(await wechat.fetchTicket(type)).not.toBe(first)
  })

  it('is kept alive by itself, and no oftener than it has to be', async () => {
    const wechat = scene.wechat()
    await wechat.fetchTicket(type)
    await scene.pass(86_400)
    // 86400 / (7200 - 290) = 12.5
    expect(scene.ticketFetches).toBe(13)
    expect(wechat.ticket(type).state.secondsLeft).toBeGreaterThan(290)
  })

  it('is told of in events that name it, and in none that name the access_token', async () => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    scene.events.length = 0
    await wechat.fetchTicket(type)
    const credential = `${type}_ticket`
    expect(scene.events).toEqual([
      { credential, type: 'refreshed', cause: 'cold', from: 'wechat', expiresIn: expect.any(Number) },
    ])
  })

  it('is kept by a report: nobody can tell whether WeChat takes it', async () => {
    const ticket = scene.wechat().ticket(type)
    const { value } = await ticket.get()
    expect(await ticket.reject(value, 'a page')).toMatchObject({ value })
    expect([scene.ticketFetches, scene.probes]).toEqual([1, 0])
    expect(scene.happened('reported')).toEqual([
      { credential: `${type}_ticket`, type: 'reported', outcome: 'cannot-tell' },
    ])
    expect(scene.happened('died-early')).toEqual([])
  })

  it('is a secret that every text is freed of (P6)', async () => {
    const secrets = new Secrets()
    const ticket = await scene.wechat({ secrets }).fetchTicket(type)
    expect(secrets.redact(`it is ${ticket}.`)).toBe('it is [secret].')
  })
})

describe('the tickets of an account', () => {
  it('are fetched when they are asked for, each by itself', async () => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    await scene.pass(86_400)
    expect(scene.ticketFetches).toBe(0)
    await wechat.fetchTicket('jsapi')
    expect(scene.ticketFetches).toBe(1)
    expect(wechat.credentials.map(({ name, state: { asked } }) => [name, asked])).toEqual([
      ['access_token', true],
      ['jsapi_ticket', true],
      ['wx_card_ticket', false],
    ])
  })

  it('are two, and WeChat knows which one was asked for', async () => {
    const wechat = scene.wechat()
    const given = [await wechat.fetchTicket('jsapi'), await wechat.fetchTicket('wx_card')]
    const platforms = ticketTypes.map((type) => scene.sandbox.tickets.get(account.appID, type).ticket)
    expect(given).toEqual(platforms)
    expect(new Set(given).size).toBe(2)
  })

  it('fail apart', async () => {
    const wechat = scene.wechat()
    await wechat.fetchTicket('jsapi')
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 48001, path: '/cgi-bin/ticket' })
    await expect(wechat.fetchTicket('wx_card')).rejects.toMatchObject({ errcode: 48001 })
    expect(wechat.ticket('jsapi').state.failure).toBeUndefined()
    expect(wechat.accessToken.state.failure).toBeUndefined()
  })

  it('are of the types that there are: another is a TypeError', async () => {
    const wechat = scene.wechat()
    const ask = (type: string) => Promise.resolve(Reflect.apply(wechat.fetchTicket, wechat, [type]))
    for (const type of ['', 'JSAPI', 'toString', '__proto__']) {
      await expect(ask(type)).rejects.toThrow(new TypeError('"type" must be one of jsapi, wx_card'))
    }
    expect(scene.fetches).toBe(0)
  })

  it('end with the account', async () => {
    const wechat = scene.wechat()
    await Promise.all(ticketTypes.map((type) => wechat.fetchTicket(type)))
    await wechat.close()
    await scene.pass(86_400)
    expect(scene.ticketFetches).toBe(2)
    await expect(wechat.fetchTicket('jsapi')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describe('a ticket that WeChat goes on giving', () => {
  it('is asked for every 30 s near its end, and given out meanwhile', async () => {
    const endsAt = scene.clock.now() + 7_200_000
    const upstream = await Upstream.start(({ url }) => {
      if (url.pathname === '/cgi-bin/token') return { access_token: 'the-token', expires_in: 7200 }
      return { ticket: 'the-ticket', expires_in: Math.floor((endsAt - scene.clock.now()) / 1000), errcode: 0 }
    })
    const wechat = scene.wechat({ apiDomain: upstream.apiDomain })
    await wechat.fetchTicket('jsapi')
    await scene.pass(7200 - 21)
    expect(await wechat.fetchTicket('jsapi')).toBe('the-ticket')
    const asked = upstream.seen.filter(({ url }) => url.pathname === '/cgi-bin/ticket/getticket')
    // 269 s of the last 290 have gone by.
    expect(asked).toHaveLength(1 + 1 + Math.floor(269 / 30))
    await upstream.close()
  })
})

describe('the request for a ticket', () => {
  it('names the type and brings the access_token', async () => {
    const upstream = await Upstream.start(({ url }) =>
      url.pathname === '/cgi-bin/token'
        ? { access_token: 'the-token', expires_in: 7200 }
        : { errcode: 0, errmsg: 'ok', ticket: 'the-ticket', expires_in: 7200 },
    )
    const wechat = scene.wechat({ apiDomain: upstream.apiDomain })
    for (const type of ticketTypes) expect(await wechat.fetchTicket(type)).toBe('the-ticket')
    expect(upstream.seen.slice(1).map(({ method, url }) => [method, `${url.pathname}${url.search}`])).toEqual([
      ['GET', '/cgi-bin/ticket/getticket?access_token=the-token&type=jsapi'],
      ['GET', '/cgi-bin/ticket/getticket?access_token=the-token&type=wx_card'],
    ])
    await upstream.close()
  })
})

describe('a stored ticket', () => {
  const record = { ticket: 'a-stored-ticket', expires_in: 7200, expires_time: now + 3_600_000, version: 3 }

  function storing(raw: unknown): Pick<WechatOptions, 'getTicket'> {
    return { getTicket: (type) => Promise.resolve(type === 'jsapi' ? raw : undefined) }
  }

  it.each([
    ['JSON text', JSON.stringify(record)],
    ['a Buffer', Buffer.from(JSON.stringify(record))],
    ['an object', record],
    ['that of the article with expires_time', { ticket: record.ticket, expires_time: record.expires_time }],
    ['that of the article with a moment in expires_in', { ticket: record.ticket, expires_in: record.expires_time }],
  ])('is used without an upstream call when its shape is %s', async (_shape, raw) => {
    const wechat = scene.wechat(storing(raw))
    const expected = { value: record.ticket, expiresAt: record.expires_time, from: 'store' }
    expect(await wechat.ticket('jsapi').get()).toMatchObject(expected)
    expect([scene.ticketFetches, scene.fetches]).toEqual([0, 0])
    expect(await wechat.fetchTicket('wx_card')).not.toBe(record.ticket)
  })

  it('is written by its type, with its life, its end and a version that rises', async () => {
    const saved: [string, TicketRecord][] = []
    const wechat = scene.wechat({
      ...storing({ ...record, expires_time: now - 1, version: 41 }),
      saveTicket: (type, each) => Promise.resolve(saved.push([type, each])),
    })
    const [jsapi, card] = [await wechat.fetchTicket('jsapi'), await wechat.fetchTicket('wx_card')]
    const life = { expires_in: 7200, expires_time: now + 7_200_000 }
    expect(saved).toEqual([
      ['jsapi', { ticket: jsapi, ...life, version: 42 }],
      ['wx_card', { ticket: card, ...life, version: 1 }],
    ])
  })

  it('stays in memory where only the access_token is stored', async () => {
    const saved: object[] = []
    const wechat = scene.wechat({
      getAccessToken: () => Promise.resolve(saved.at(-1)),
      saveAccessToken: (each) => Promise.resolve(saved.push(each)),
    })
    const ticket = await wechat.fetchTicket('jsapi')
    expect(await wechat.fetchTicket('jsapi')).toBe(ticket)
    expect(saved).toHaveLength(1)
    expect(JSON.stringify(saved)).not.toContain(ticket)
  })

  it('whose file is not there yet is no failure', async () => {
    const missing = () => Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
    await scene.wechat({ getTicket: missing }).fetchTicket('jsapi')
    expect(scene.events.map(({ type }) => type)).toEqual(['refreshed', 'refreshed'])
  })

  it('is read back by a restart without an upstream call', async () => {
    const storage = memoryStorage()
    const before = scene.wechat({ storage })
    const tickets = [await before.fetchTicket('jsapi'), await before.fetchTicket('wx_card')]
    await scene.pass(1000)
    const after = scene.wechat({ storage })
    expect([await after.fetchTicket('jsapi'), await after.fetchTicket('wx_card')]).toEqual(tickets)
    expect(after.ticket('jsapi').state.secondsLeft).toBe(6200)
    expect([scene.ticketFetches, scene.fetches]).toEqual([2, 1])
  })

  it('that is newer than the fetched one causes no further fetch: neither ends the other', async () => {
    const storage: Storage = {
      ...memoryStorage(),
      save: (name) => Promise.resolve(!name.endsWith('_ticket')),
    }
    await scene.wechat({ storage }).fetchTicket('jsapi')
    await scene.pass(60)
    expect(scene.ticketFetches).toBe(1)
    expect(scene.happened('refreshed').map(({ cause }) => cause)).not.toContain('fenced')
  })
})

describe('the files of the tickets', () => {
  let root: string

  beforeEach(() => {
    root = temporaryFolder()
  })

  afterEach(() => removeFolder(root))

  const folder = () => join(root, account.appID)
  const storage = () => fileStore(root).account(account.appID)

  it('lie beside that of the access_token, and nobody else may read them (P6)', async () => {
    const wechat = scene.wechat({ storage: storage() })
    const tickets = [await wechat.fetchTicket('jsapi'), await wechat.fetchTicket('wx_card')]
    const files = readdirSync(folder()).filter((name) => name.endsWith('.json'))
    expect(files.sort()).toEqual(['access_token.json', 'fetches.json', 'jsapi_ticket.json', 'wx_card_ticket.json'])
    for (const file of files) expect(statSync(join(folder(), file)).mode & 0o777).toBe(0o600)
    const stored = ticketTypes.map((type) => JSON.parse(readFileSync(join(folder(), `${type}_ticket.json`), 'utf8')))
    const life = { expires_in: 7200, expires_time: now + 7_200_000, version: 1 }
    expect(stored).toEqual(tickets.map((ticket) => ({ ticket, ...life })))
  })

  it('that cannot be understood are set aside and replaced (P4)', async () => {
    mkdirSync(folder())
    const broken = '{"ticket":"half-a-ticket'
    writeFileSync(join(folder(), 'jsapi_ticket.json'), broken)
    const ticket = await scene.wechat({ storage: storage() }).fetchTicket('jsapi')
    const { where, ...event } = scene.happened('set-aside')[0] ?? expect.fail()
    expect(event).toEqual({ credential: 'jsapi_ticket', type: 'set-aside', reason: 'it is not JSON' })
    expect(where).toMatch(/jsapi_ticket\.json\.broken-/)
    expect(readFileSync(String(where), 'utf8')).toBe(broken)
    expect(JSON.parse(readFileSync(join(folder(), 'jsapi_ticket.json'), 'utf8'))).toMatchObject({ ticket })
  })
})
