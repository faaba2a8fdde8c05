import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Fault } from '../../src/sandbox/sandbox.js'
import { errcodes } from '../../src/wechat/errcodes.js'
import { CredentialUnavailable } from '../../src/wechat/errors.js'
import type { WechatOptions } from '../../src/wechat/options.js'
import { endlessLease, memoryStorage } from '../../src/wechat/storage.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { type Asked, account, Scene } from '../support/scene.js'
import { Upstream } from '../support/upstream.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

const path = '/cgi-bin/ticket/getticket'
const tokenDead = [40001, 40014, 42001]
const known = Object.entries(errcodes).map(([errcode, { kind }]) => ({ errcode: Number(errcode), kind }))
const hopeless = known.filter(({ kind }) => kind === 'permanent' || kind === 'request').map(({ errcode }) => errcode)

/** Ten minutes with five callers each 10 s. */
async function tenMinutes(wechat: Wechat): Promise<Asked<string>[]> {
  const asked: Asked<string>[] = []
  for (let time = 0; time < 60; time += 1) {
    for (let caller = 0; caller < 5; caller += 1) asked.push(scene.watch(wechat.fetchTicket('jsapi')))
    await scene.pass(10)
  }
  return asked
}

describe('a dead access_token while a ticket is fetched', () => {
  it('is recovered from: the thief is named, nobody sees a failure', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    await scene.pass(100)
    scene.steal()
    const ticket = await wechat.fetchTicket('jsapi')
    expect(await wechat.fetchTicket('jsapi')).toBe(ticket)
    expect(await wechat.fetchAccessToken()).not.toBe(first)
    expect([scene.ticketFetches, scene.probes, scene.fetches]).toEqual([2, 1, 2])
    expect(scene.happened('died-early')).toEqual([
      { credential: 'access_token', type: 'died-early', noticedBy: `a call of ${path}`, age: 100, secondsLeft: 7100 },
    ])
    expect(scene.happened('refresh-failed')).toEqual([])
  })

  it('is recovered from with a lock that is one for all names', async () => {
    let last: Promise<unknown> = Promise.resolve()
    const lock: WechatOptions['lock'] = (_name, work) => {
      const run = last.then(() => work(endlessLease))
      last = run.catch(() => undefined)
      return run
    }
    const wechat = scene.wechat({ lock })
    await wechat.fetchTicket('wx_card')
    scene.steal()
    await wechat.fetchTicket('jsapi')
    expect([scene.ticketFetches, scene.probes, scene.fetches]).toEqual([3, 1, 2])
  })

  it('is recovered from once for both tickets', async () => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    scene.steal()
    await Promise.all([wechat.fetchTicket('jsapi'), wechat.fetchTicket('wx_card')])
    expect([scene.ticketFetches, scene.probes, scene.fetches]).toEqual([4, 1, 2])
    expect(scene.happened('died-early')).toHaveLength(1)
  })

  it.each(tokenDead)('is recovered from whichever way WeChat says it: %i', async (errcode) => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    scene.steal()
    scene.sandbox.faults.add({ kind: 'errcode', errcode, path, times: 1 })
    await wechat.fetchTicket('jsapi')
    expect([scene.ticketFetches, scene.fetches]).toEqual([2, 2])
    expect(scene.happened('refresh-failed')).toEqual([])
  })

  it('that could not be asked about yet is recovered from by the next try', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    await wechat.rejectAccessToken(first)
    await scene.pass(3)
    scene.steal()
    const { error, value, took } = await scene.ended(wechat.fetchTicket('jsapi'))
    expect(error).toBeUndefined()
    expect(value).toBe(await wechat.fetchTicket('jsapi'))
    // 1.5 s after the failure it is still too soon for a probe, 3 s later no more.
    expect(took).toBe(4500)
    expect(scene.happened('reported').map(({ outcome }) => outcome)).toEqual(['alive', 'too-soon', 'too-soon', 'dead'])
  })

  it('is recovered from though the next one takes a second try', async () => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    scene.steal()
    scene.sandbox.faults.add({ kind: 'busy', path: '/cgi-bin/token', times: 1 })
    const { error, took } = await scene.ended(wechat.fetchTicket('jsapi'))
    expect(error).toBeUndefined()
    expect(took).toBe(2000)
    expect([scene.ticketFetches, scene.probes, scene.fetches]).toEqual([2, 1, 3])
  })

  it.each(tokenDead)('that WeChat takes elsewhere is a passing failure: %i', async (errcode) => {
    const wechat = scene.wechat()
    const token = await wechat.fetchAccessToken()
    scene.sandbox.faults.add({ kind: 'errcode', errcode, path })
    const { error, took } = await scene.ended(wechat.fetchTicket('jsapi'))
    expect(error).toBeInstanceOf(CredentialUnavailable)
    expect(error).toMatchObject({ kind: 'transient', errcode, retryAfter: 6 })
    expect(took).toBe(4500)
    for (const asked of await tenMinutes(wechat)) expect(asked.error).toMatchObject({ kind: 'transient', errcode })
    // No storm of any kind comes of it.
    expect(await wechat.fetchAccessToken()).toBe(token)
    expect(scene.fetches).toBe(1)
    expect(scene.ticketFetches).toBeLessThan(20)
    expect(scene.probes).toBeLessThan(20)
    scene.sandbox.faults.clear()
    await scene.pass(65)
    expect(wechat.ticket('jsapi').state.failure).toBeUndefined()
  })
})

describe('failures of a ticket told apart', () => {
  it.each([...hopeless, 12345])(
    'tries once a minute after errcode %i, and tells every caller at once',
    async (errcode) => {
      scene.sandbox.faults.add({ kind: 'errcode', errcode, path })
      const wechat = scene.wechat()
      const asked = await tenMinutes(wechat)
      expect(new Set(asked.map(({ took }) => took))).toEqual(new Set([0]))
      const hint = errcodes[errcode]?.remedy
      for (const { error } of asked) {
        expect(error).toBeInstanceOf(CredentialUnavailable)
        expect(error).toMatchObject({ kind: 'permanent', errcode })
        expect(error).toMatchObject({ hint: hint === undefined ? undefined : expect.stringContaining(hint) })
      }
      expect([scene.ticketFetches, scene.fetches, scene.probes]).toEqual([11, 1, 0])
      expect(wechat.accessToken.state.failure).toBeUndefined()
      scene.sandbox.faults.clear()
      await scene.pass(60)
      expect(wechat.ticket('jsapi').state.secondsLeft).toBeGreaterThan(0)
    },
  )

  it('says which credential it is about', async () => {
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 48001, path })
    await expect(scene.wechat().fetchTicket('wx_card')).rejects.toThrow(
      /^No wx_card_ticket can be had now: WeChat answered 48001, this account may not use this call/,
    )
    const [failed] = scene.happened('refresh-failed')
    expect(failed).toMatchObject({ credential: 'wx_card_ticket', cause: 'cold', servingOld: false })
  })

  it.each<Fault>([
    { kind: 'busy', path },
    { kind: 'status', path },
    { kind: 'garbage', path },
    { kind: 'reset', path },
    { kind: 'truncate', path },
    { kind: 'huge', path },
  ])('backs off after $kind and waits for it a little', async (fault) => {
    scene.sandbox.faults.add(fault)
    const { error, took } = await scene.ended(scene.wechat().fetchTicket('jsapi'))
    expect(error).toMatchObject({ kind: 'transient', retryAfter: 6 })
    expect(took).toBe(4500)
    expect([scene.ticketFetches, scene.fetches]).toEqual([3, 1])
  })

  it('ends a fetch that gets no answer', async () => {
    const wechat = scene.wechat({ timeout: 500 })
    await wechat.fetchAccessToken()
    scene.sandbox.faults.add({ kind: 'hang', path })
    await expect(wechat.ticket('jsapi').update()).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
  })

  it('ends a fetch before the lease of its lock is over', async () => {
    const short = { remaining: () => 550 }
    const lock: WechatOptions['lock'] = (name, work) => work(name === 'jsapi_ticket' ? short : endlessLease)
    const wechat = scene.wechat({ lock, timeout: 60_000 })
    scene.sandbox.faults.add({ kind: 'hang', path, times: 1 })
    await expect(wechat.ticket('jsapi').update()).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
  })

  it.each([
    { errcode: 45009, fetches: 4, pause: 'an hour' },
    { errcode: 45011, fetches: 181, pause: 'a minute' },
  ])('waits $pause after errcode $errcode', async ({ errcode, fetches }) => {
    scene.sandbox.faults.add({ kind: 'errcode', errcode, path })
    const wechat = scene.wechat()
    for (let second = 0; second < 3 * 3600; second += 30) {
      const { error, took } = await scene.ended(wechat.fetchTicket('jsapi'))
      expect(error).toMatchObject({ kind: 'quota', errcode })
      expect(took).toBe(0)
      await scene.pass(30)
    }
    expect(scene.ticketFetches).toBe(fetches)
  })

  it('gives the old ticket until its end while no new one can be had, and then none (P2)', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchTicket('jsapi')
    scene.sandbox.faults.add({ kind: 'quota', path })
    await scene.pass(7199)
    expect(await wechat.fetchTicket('jsapi')).toBe(first)
    await scene.pass(1)
    await expect(wechat.fetchTicket('jsapi')).rejects.toMatchObject({ kind: 'quota', errcode: 45009 })
    expect(scene.ticketFetches).toBe(2)
  })

  it.each([
    ['no ticket', { errcode: 0, expires_in: 7200 }],
    ['an empty ticket', { ticket: '', expires_in: 7200 }],
    ['a ticket that is no text', { ticket: 7, expires_in: 7200 }],
    ['an access_token for a ticket', { access_token: 'the-token', expires_in: 7200 }],
    ['no life', { ticket: 'the-ticket' }],
    ['a life of 0 s', { ticket: 'the-ticket', expires_in: 0 }],
    ['a life that is text', { ticket: 'the-ticket', expires_in: '7200' }],
    ['a life within the margin', { ticket: 'the-ticket', expires_in: 20 }],
  ])('takes no rubbish for a ticket: %s', async (_what, answer) => {
    const upstream = await Upstream.start(({ url }) =>
      url.pathname === '/cgi-bin/token' ? { access_token: 'the-token', expires_in: 7200 } : answer,
    )
    const wechat = scene.wechat({ apiDomain: upstream.apiDomain })
    await expect(wechat.ticket('jsapi').update()).rejects.toMatchObject({ code: 'UPSTREAM_GARBAGE' })
    await upstream.close()
  })
})

describe('a ticket for which there is no access_token', () => {
  const tokenPath = '/cgi-bin/token'

  it('says what is wrong with the access_token, and causes no oftener tries of it', async () => {
    const wechat = scene.wechat()
    scene.sandbox.faults.add({ kind: 'ip', path: tokenPath })
    const asked = await tenMinutes(wechat)
    for (const { error, took } of asked) {
      expect(error).toMatchObject({ kind: 'permanent', errcode: 40164, hint: expect.stringContaining('203.0.113.7') })
      expect(String(error)).toContain('No jsapi_ticket can be had now: No access_token can be had now')
      expect(took).toBe(0)
    }
    expect([scene.ticketFetches, scene.fetches]).toEqual([0, 11])
    scene.sandbox.faults.clear()
    await scene.pass(60)
    expect(wechat.ticket('jsapi').state).toMatchObject({ secondsLeft: 7200, failure: undefined })
  })

  it('is waited for while WeChat is busy', async () => {
    scene.sandbox.faults.add({ kind: 'busy', path: tokenPath, times: 1 })
    const { error, took } = await scene.ended(scene.wechat().fetchTicket('jsapi'))
    expect(error).toBeUndefined()
    // The token is tried again after 1.5 s; the ticket is told so in whole seconds.
    expect(took).toBe(2000)
    expect([scene.ticketFetches, scene.fetches]).toEqual([1, 2])
  })

  it('comes within a minute after the access_token, however long that was to wait', async () => {
    const storage = memoryStorage()
    const wechat = scene.wechat({ storage })
    scene.sandbox.faults.add({ kind: 'quota', path: tokenPath })
    await expect(wechat.fetchTicket('jsapi')).rejects.toMatchObject({ kind: 'quota', errcode: 45009 })
    await scene.pass(10)
    // Another process has got one.
    const { access_token, expires_at } = scene.sandbox.tokens.issue(account.appID, 'token')
    await storage.save('access_token', { access_token, expires_in: 7200, expires_time: expires_at, version: 7 })
    await scene.pass(120)
    expect(wechat.accessToken.state.failure).toBeUndefined()
    expect(wechat.ticket('jsapi').state.failure).toBeUndefined()
    expect([scene.ticketFetches, scene.fetches]).toEqual([1, 1])
  })

  it('is not asked for when the access_token took all of the time', async () => {
    const wechat = scene.wechat({ timeout: 300 })
    scene.sandbox.faults.add({ kind: 'hang', path: tokenPath })
    await expect(wechat.ticket('jsapi').update()).rejects.toMatchObject({ kind: 'transient' })
    expect(scene.ticketFetches).toBe(0)
  })
})
