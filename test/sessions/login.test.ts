import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RunningHub, readJson } from '../support/running-hub.js'
import { type LoggedIn, MiniProgramScene, type Refused } from './mini-program-scene.js'

const exchange = '/sns/jscode2session'

describe('a login', () => {
  let scene: MiniProgramScene

  beforeEach(async () => {
    scene = await MiniProgramScene.start()
  })

  afterEach(() => scene.close())

  it('exchanges the code for a session of 256 bits, and for nothing else', async () => {
    const answer = await scene.sendCode(scene.code().code)
    const body = await readJson<LoggedIn>(answer)
    expect(answer.status).toBe(200)
    expect(Object.keys(body)).toEqual(['session', 'expires_in', 'new_user'])
    expect(body).toMatchObject({ session: expect.stringMatching(/^whs_[\w-]{43}$/), expires_in: 1800, new_user: true })
  })

  it('registers a user once', async () => {
    const { openid, new_user } = await scene.logIn({ unionid: 'oUnion' })
    const again = await scene.logIn({ openid, unionid: 'oUnion' })
    const other = await scene.logIn()
    expect([new_user, again.new_user, other.new_user]).toEqual([true, false, true])
  })

  it('of a hundred with one code at once is one exchange, and one session', async () => {
    const { code } = scene.code()
    const answers = await Promise.all(Array.from({ length: 100 }, () => scene.sendCode(code)))
    const bodies = await Promise.all(answers.map((answer) => readJson<LoggedIn>(answer)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(bodies.map(({ session }) => session)).size).toBe(1)
    expect(scene.running.sandbox.requests.count(exchange)).toBe(1)
  })

  it('can be repeated within 5 s, should its answer get lost, and no later', async () => {
    const { code } = scene.code()
    const first = await readJson<LoggedIn>(await scene.sendCode(code))
    await scene.clock.advance(4_999)
    expect(await readJson(await scene.sendCode(code))).toEqual({ ...first, expires_in: 1795 })
    await scene.clock.advance(1)
    expect((await scene.sendCode(code)).status).toBe(400)
    expect(scene.running.sandbox.requests.count(exchange)).toBe(2)
  })

  it('that is repeated after a logout gives no dead session', async () => {
    const { code } = scene.code()
    const { session } = await readJson<LoggedIn>(await scene.sendCode(code))
    await scene.asVisitor(session, 'DELETE')
    const again = await Promise.all([scene.sendCode(code), scene.sendCode(code)])
    for (const answer of again) expect([answer.status, await readJson(answer)]).toMatchObject([400, { errcode: 40163 }])
    expect(scene.running.sandbox.requests.count(exchange)).toBe(2)
  })

  it('takes the code to WeChat only when what it brings can be kept', async () => {
    const { dataDir } = scene.running
    const { code } = scene.code()
    await mkdir(join(dataDir, 'session-keys.json'))
    const failed = await scene.sendCode(code)
    expect(failed.status).toBeGreaterThanOrEqual(500)
    expect(scene.running.sandbox.requests.count(exchange)).toBe(0)
    expect(scene.running.logLines.join('')).toContain('"login-failed"')
    await rm(join(dataDir, 'session-keys.json'), { recursive: true })
    expect((await scene.sendCode(code)).status).toBe(200)
  })

  it('of a hundred users at once is a hundred sessions', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => scene.logIn()))
    expect(new Set(all.map(({ session }) => session)).size).toBe(100)
    for (const { session, openid } of all) {
      expect(await readJson(await scene.asBackEnd(session))).toMatchObject({ openid })
    }
  })

  it('of one user with many codes at once gives sessions that all work', async () => {
    const all = await Promise.all(Array.from({ length: 15 }, () => scene.logIn({ openid: 'oOne' })))
    expect(all.filter(({ new_user }) => new_user)).toHaveLength(1)
    for (const { session } of all) expect(await scene.statusOf(session)).toBe(200)
  })

  it('ends the oldest of more than twenty sessions of a user', async () => {
    const all = []
    for (let i = 0; i < 21; i += 1) all.push(await scene.logIn({ openid: 'oOne' }))
    const statuses = await Promise.all(all.map(({ session }) => scene.statusOf(session)))
    expect(statuses).toEqual([401, ...Array.from({ length: 20 }, () => 200)])
  })

  it.each([
    ['an unknown code', 40029],
    ['a used code', 40163],
  ])('with %s is refused in WeChat’s words, and says what to do', async (_what, errcode) => {
    const { code } = scene.code()
    if (errcode === 40163) await scene.sendCode(code)
    await scene.clock.advance(5_000)
    const answer = await scene.sendCode(errcode === 40163 ? code : 'unknown')
    expect(answer.status).toBe(400)
    expect(await readJson<Refused>(answer)).toMatchObject({ errcode, hint: expect.stringContaining('wx.login again') })
  })

  it('of a user whom WeChat blocks is forbidden', async () => {
    scene.running.sandbox.faults.add({ kind: 'errcode', errcode: 40226, path: exchange, times: 1 })
    const answer = await scene.sendCode(scene.code().code)
    expect([answer.status, await readJson(answer)]).toMatchObject([403, { errcode: 40226 }])
  })

  it.each([
    ['busy', 'busy' as const, 503],
    ['out of reach', 'reset' as const, 503],
    ['talking rubbish', 'garbage' as const, 503],
  ])('while WeChat is %s fails so that it can be tried again', async (_what, kind, status) => {
    scene.running.sandbox.faults.add({ kind, path: exchange, times: 1 })
    const { code } = scene.code()
    const first = await scene.sendCode(code)
    expect([first.status, await readJson(first)]).toMatchObject([status, { errcode: -1 }])
    expect(first.headers.get('retry-after')).toBe('5')
    expect((await scene.sendCode(code)).status).toBe(200)
  })

  it.each([
    [40125, 502, null],
    [40164, 502, null],
    [48001, 502, null],
    [40013, 502, null],
    [45011, 503, '60'],
  ])(
    'that fails for the operator’s reasons (%i) says nothing of them; the log does, ten times a minute',
    async (errcode, status, wait) => {
      scene.running.sandbox.faults.add({ kind: 'errcode', errcode, path: exchange })
      for (let i = 0; i < 12; i += 1) {
        const answer = await scene.sendCode(scene.code().code)
        expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, wait])
        const text = await answer.text()
        for (const word of [String(errcode), 'AppSecret', 'whitelist', '203.0.113.7', 'api_unauthorized', 'quota']) {
          expect(text).not.toContain(word)
        }
      }
      const lines = scene.running.logLines.filter((line) => line.includes('"login-failed"'))
      expect(lines).toHaveLength(10)
      expect(lines[0]).toContain(String(errcode))
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', account: 'shop', err: { errcode } })
      await scene.clock.advance(60_000)
      await scene.sendCode(scene.code().code)
      expect(
        JSON.parse(scene.running.logLines.filter((line) => line.includes('"login-failed"')).at(-1) ?? ''),
      ).toMatchObject({ heldBack: 2 })
    },
  )

  it('is never tried twice by itself: the code may have been taken', async () => {
    scene.running.sandbox.faults.add({ kind: 'busy', path: exchange, times: 1 })
    await scene.sendCode(scene.code().code)
    expect(scene.running.sandbox.requests.count(exchange)).toBe(1)
  })

  it.each([[undefined], [''], [7], [['code']], ['x'.repeat(513)]])('without a usable code is refused', async (code) => {
    const answer = await scene.sendCode(code)
    expect([answer.status, await readJson(answer)]).toMatchObject([400, { errmsg: 'code is missing, or is no text' }])
    expect(scene.running.sandbox.requests.count(exchange)).toBe(0)
  })

  it('is for mini programs only', async () => {
    for (const [account, errmsg] of [
      ['blog', 'this account is no mini program'],
      ['nobody', 'there is no such account'],
    ]) {
      const answer = await scene.sendCode(scene.code().code, account)
      expect([answer.status, await readJson(answer)]).toMatchObject([404, { errmsg }])
    }
  })

  it('is told to the audit log and the metrics, without the user', async () => {
    const { openid } = await scene.logIn()
    await scene.logIn({ openid })
    await scene.sendCode('unknown')
    const page = await (await scene.running.request('/metrics')).text()
    expect(page).toContain('wechat_hub_logins_total{account="shop",outcome="new-user"} 1\n')
    expect(page).toContain('wechat_hub_logins_total{account="shop",outcome="known-user"} 1\n')
    expect(page).toContain('wechat_hub_logins_total{account="shop",outcome="ERRCODE"} 1\n')
    expect(page).not.toContain(openid)
  })
})

describe('the limit of logins', () => {
  it('counts logins, and sessions that have ended, by address', async () => {
    const limits = { clientPerMinute: 0, refusedPerMinute: 0, pagesPerMinute: 0, loginsPerMinute: 3 }
    const scene = await MiniProgramScene.start({ config: { limits } })
    try {
      const { session } = await scene.logIn()
      for (let i = 0; i < 10; i += 1) expect(await scene.statusOf(session)).toBe(200)
      expect(await scene.statusOf(`whs_${'A'.repeat(43)}`)).toBe(401)
      expect((await scene.sendCode(scene.code().code)).status).toBe(200)
      const refused = await scene.sendCode(scene.code().code)
      expect(refused.status).toBe(429)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await scene.statusOf(`whs_${'A'.repeat(43)}`)).toBe(429)
      expect(await scene.statusOf(session)).toBe(200)
      expect(scene.running.sandbox.requests.count(exchange)).toBe(2)
      const page = await (await scene.running.request('/metrics')).text()
      expect(page).toContain('wechat_hub_rate_limited_total{limit="login"} 2\n')
    } finally {
      await scene.close()
    }
  })

  it('counts who tries out the names of accounts, before they are told that there is none', async () => {
    const limits = { clientPerMinute: 0, refusedPerMinute: 0, pagesPerMinute: 0, loginsPerMinute: 3 }
    const scene = await MiniProgramScene.start({ config: { limits } })
    const at = (path: string, method: string, headers = {}) =>
      scene.running.request(`/v1/nobody/sessions${path}`, { method, headers, key: undefined })
    try {
      expect((await at('', 'POST')).status).toBe(404)
      expect((await at('/current', 'GET')).status).toBe(404)
      expect((await at('/current/renew', 'POST')).status).toBe(404)
      for (const [path, method] of [
        ['', 'POST'],
        ['/current', 'DELETE'],
        ['/current/decrypt', 'POST'],
      ] as const) {
        const refused = await at(path, method)
        expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, expect.any(Number)])
      }
      expect((await scene.asBackEnd('whs_x', { account: 'nobody' })).status).toBe(404)
      expect((await at('/current', 'GET', { 'x-session': 'whs_x' })).status).toBe(401)
    } finally {
      await scene.close()
    }
  })

  it('can be off', async () => {
    const limits = { clientPerMinute: 0, refusedPerMinute: 1, pagesPerMinute: 0, loginsPerMinute: 0 }
    const scene = await MiniProgramScene.start({ config: { limits } })
    try {
      for (let i = 0; i < 20; i += 1) expect(await scene.statusOf('whs_unknown')).toBe(401)
    } finally {
      await scene.close()
    }
  })
})

it('leaves a hub without mini programs without a file of keys', async () => {
  const running = await RunningHub.start()
  try {
    expect((await running.post('/v1/shop/sessions', { code: 'x' })).status).toBe(404)
  } finally {
    await running.close()
  }
})
