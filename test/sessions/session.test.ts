import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashKey, makeKey } from '../../src/access/key.js'
import { readJson, shop } from '../support/running-hub.js'
import { MiniProgramScene } from './mini-program-scene.js'

const [right, wrong, other] = [makeKey(), makeKey(), makeKey()]
const clients = {
  crm: { keyHash: [hashKey(right)], accounts: ['shop'], scopes: ['session' as const] },
  erp: { keyHash: [hashKey(wrong)], accounts: ['shop'], scopes: ['token' as const] },
  web: { keyHash: [hashKey(other)], accounts: ['blog'], scopes: ['session' as const] },
}

let scene: MiniProgramScene

beforeEach(async () => {
  scene = await MiniProgramScene.start({ config: { clients } })
})

afterEach(() => scene.close())

describe('a session', () => {
  it('tells the mini program only that it is in force', async () => {
    const { session } = await scene.logIn({ unionid: 'oUnion' })
    await scene.clock.advance(1500)
    const answer = await scene.asVisitor(session)
    expect([answer.status, await readJson(answer)]).toEqual([200, { valid: true, expires_in: 1798 }])
  })

  it('tells a back end whose it is', async () => {
    const { session, openid } = await scene.logIn({ unionid: 'oUnion' })
    const created = Math.floor(scene.clock.now() / 1000)
    const answer = await scene.asBackEnd(session, { key: right })
    const whose = { openid, unionid: 'oUnion', appid: shop.appID, created, expires_in: 1800 }
    expect([answer.status, await readJson(answer)]).toEqual([200, whose])
    const alone = await scene.logIn()
    expect(await readJson(await scene.asBackEnd(alone.session))).not.toHaveProperty('unionid')
  })

  it('is shown to no back end without the scope, the account, or a right key', async () => {
    const { session } = await scene.logIn()
    const statuses = [wrong, other, makeKey(), session].map(async (key) => {
      return (await scene.asBackEnd(session, { key })).status
    })
    expect(await Promise.all(statuses)).toEqual([403, 403, 401, 401])
  })

  it.each([
    ['unknown', `whs_${'A'.repeat(43)}`],
    ['of no such form', 'whs_x'],
  ])('that is %s is refused, and the mini program told to log in again', async (_what, session) => {
    for (const answer of [await scene.asVisitor(session), await scene.asBackEnd(session)]) {
      expect(answer.status).toBe(401)
      expect(await readJson(answer)).toMatchObject({ errcode: -4011, hint: expect.stringContaining('wx.login') })
    }
  })

  it('is told apart from a client key in its place, and from nothing', async () => {
    for (const init of [{ key: undefined }, { key: right }]) {
      const answer = await scene.running.request('/v1/shop/sessions/current', init)
      expect([answer.status, await readJson(answer)]).toMatchObject([401, { errmsg: 'a session is needed' }])
    }
  })

  it('is not asked about at an account that is no mini program', async () => {
    const { session } = await scene.logIn()
    expect((await scene.asBackEnd(session, { account: 'blog' })).status).toBe(404)
  })

  it('ends by itself', async () => {
    const { session } = await scene.logIn()
    await scene.clock.advance(1_799_999)
    expect(await scene.statusOf(session)).toBe(200)
    await scene.clock.advance(1)
    expect(await scene.statusOf(session)).toBe(401)
  })

  it('ends when the mini program says so', async () => {
    const { session } = await scene.logIn()
    expect((await scene.asVisitor(session, 'DELETE')).status).toBe(200)
    expect(await scene.statusOf(session)).toBe(401)
    expect((await scene.asVisitor(session, 'DELETE')).status).toBe(401)
  })

  it('ends alone, whoever ends it', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => scene.logIn({ openid: 'oOne' })))
    const [first, ...others] = all.map(({ session }) => session)
    await scene.asBackEnd(first ?? '', { method: 'DELETE' })
    expect(await scene.statusOf(first ?? '')).toBe(401)
    for (const session of others) expect(await scene.statusOf(session)).toBe(200)
  })
})

describe('a renewal', () => {
  it('gives another session of the same login', async () => {
    const { session, openid } = await scene.logIn()
    const created = Math.floor(scene.clock.now() / 1000)
    await scene.clock.advance(900_000)
    const next = await scene.renew(session)
    expect(next).toEqual({ session: expect.stringMatching(/^whs_[\w-]{43}$/), expires_in: 1800 })
    expect(next.session).not.toBe(session)
    expect(await readJson(await scene.asBackEnd(next.session))).toMatchObject({ openid, created, expires_in: 1800 })
  })

  it('leaves the old one to calls in flight for a minute', async () => {
    const { session } = await scene.logIn()
    const next = await scene.renew(session)
    expect(await readJson(await scene.asVisitor(session))).toEqual({ valid: true, expires_in: 60 })
    await scene.clock.advance(59_999)
    expect(await scene.statusOf(session)).toBe(200)
    await scene.clock.advance(1)
    expect([await scene.statusOf(session), await scene.statusOf(next.session)]).toEqual([401, 200])
  })

  it('that is asked for again gives the same one: the answer may have been lost', async () => {
    const { session } = await scene.logIn()
    const first = await scene.renew(session)
    await scene.clock.advance(30_000)
    expect(await scene.renew(session)).toEqual({ ...first, expires_in: 1770 })
  })

  it('that is asked for fifty times at once gives one', async () => {
    const { session } = await scene.logIn()
    const all = await Promise.all(Array.from({ length: 50 }, () => scene.renew(session)))
    expect(new Set(all.map((given) => given.session)).size).toBe(1)
    expect(await scene.statusOf(all[0]?.session ?? '')).toBe(200)
  })

  it('does not bring back what was ended', async () => {
    const { session } = await scene.logIn()
    const next = await scene.renew(session)
    await scene.asVisitor(next.session, 'DELETE')
    expect([await scene.statusOf(session), await scene.statusOf(next.session)]).toEqual([401, 401])
    expect((await scene.asVisitor(session, 'POST', '/renew')).status).toBe(401)
  })

  it('that was not heard of does not outlive a logout with the old one', async () => {
    const { session } = await scene.logIn()
    const next = await scene.renew(session)
    const last = await scene.renew(next.session)
    await scene.asVisitor(session, 'DELETE')
    for (const each of [session, next.session, last.session]) expect(await scene.statusOf(each)).toBe(401)
  })

  it('does not prolong a login beyond its longest life', async () => {
    const day = 86_400
    await scene.close()
    const sessions = { ttl: day, maxLife: 3 * day, grace: 60, userDataMaxAge: 0 }
    scene = await MiniProgramScene.start({ config: { clients, sessions } })
    let { session } = await scene.logIn()
    for (const left of [day, day, day / 2]) {
      await scene.clock.advance((day - day / 6) * 1000)
      const next = await scene.renew(session)
      expect(next.expires_in).toBe(left)
      session = next.session
    }
    await scene.clock.advance((day / 2) * 1000)
    expect((await scene.asVisitor(session, 'POST', '/renew')).status).toBe(401)
  })

  it('without a grace ends the old one at once', async () => {
    await scene.close()
    const sessions = { ttl: 60, maxLife: 60, grace: 0, userDataMaxAge: 0 }
    scene = await MiniProgramScene.start({ config: { clients, sessions } })
    const { session } = await scene.logIn()
    const next = await scene.renew(session)
    expect([await scene.statusOf(session), await scene.statusOf(next.session)]).toEqual([401, 200])
  })
})

describe('a user', () => {
  const user = (openid: string, method = 'GET', path = '', key = right) =>
    scene.running.request(`/v1/shop/users/${openid}${path}`, { method, key })

  it('is shown to a back end', async () => {
    const { openid } = await scene.logIn({ unionid: 'oUnion' })
    const created = Math.floor(scene.clock.now() / 1000)
    await scene.clock.advance(10_000)
    const { session } = await scene.logIn({ openid })
    await scene.renew(session)
    const known = { openid, unionid: 'oUnion', created, last_login: created + 10, sessions: 2 }
    expect(await readJson(await user(openid))).toEqual(known)
    await scene.clock.advance(1_800_000)
    expect(await readJson(await user(openid))).toEqual({ ...known, sessions: 0 })
  })

  it('loses all sessions when a back end says so, and stays known', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => scene.logIn({ openid: 'oOne' })))
    const kept = await scene.logIn()
    const renewed = await scene.renew(all[0]?.session ?? '')
    const answer = await user('oOne', 'DELETE', '/sessions')
    expect([answer.status, await readJson(answer)]).toEqual([200, { ended: 5 }])
    for (const { session } of [...all, renewed]) expect(await scene.statusOf(session)).toBe(401)
    expect(await scene.statusOf(kept.session)).toBe(200)
    expect(await readJson(await user('oOne'))).toMatchObject({ sessions: 0 })
    expect(await scene.logIn({ openid: 'oOne' })).toMatchObject({ new_user: false })
  })

  it('is forgotten with all sessions when a back end says so', async () => {
    const { session } = await scene.logIn({ openid: 'oOne' })
    expect(await readJson(await user('oOne', 'DELETE'))).toEqual({ ended: 1 })
    expect([await scene.statusOf(session), (await user('oOne')).status]).toEqual([401, 404])
    expect((await user('oOne', 'DELETE')).status).toBe(404)
    expect(await scene.logIn({ openid: 'oOne' })).toMatchObject({ new_user: true })
    await user('oOne', 'DELETE', '/sessions')
    expect(await readJson(await user('oOne', 'DELETE'))).toEqual({ ended: 0 })
    expect((await user('oOne')).status).toBe(404)
  })

  it('is nobody else’s business', async () => {
    const { openid } = await scene.logIn()
    for (const key of [wrong, other]) expect((await user(openid, 'GET', '', key)).status).toBe(403)
    const log = scene.running.logLines.join('')
    expect(log).toContain('/v1/shop/users/[user]')
    expect(log).not.toContain(openid)
  })

  it('is not known before the first login', async () => {
    for (const path of ['', '/sessions']) {
      const answer = await user('oNobody', path === '' ? 'GET' : 'DELETE', path)
      expect([answer.status, await readJson(answer)]).toMatchObject([404, { hint: expect.stringContaining('login') }])
    }
  })
})
