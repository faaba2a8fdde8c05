import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Hub, HubOptions } from '../../src/clients/miniprogram/wechat-hub.js'
import { MovableClock, turn } from '../support/movable-clock.js'

interface Asked {
  readonly url: string
  readonly method?: string
  readonly data?: unknown
  readonly header?: object
  readonly timeout?: number
  readonly redirect?: string
  success(answer: { statusCode: number; data: unknown; header: object }): void
  fail(error: { errMsg: string }): void
}

interface Checked {
  success(): void
  fail(): void
}

const source = readFileSync('src/clients/miniprogram/wechat-hub.js', 'utf8')
const hub = 'https://hub.example.com'

let clock: MovableClock
/** What waits for the test to answer it. */
let asked: Asked[]
let checks: Checked[]
let shown: (() => void)[]
let hidden: (() => void)[]
let logins: number
/** What `wx.login` does, if not what it should. */
let loginFault: ((callbacks: { fail(error: unknown): void }) => void) | undefined
/** Whether `wx.request` throws, as at an option of the wrong type. */
let requestThrows: boolean

beforeEach(() => {
  clock = new MovableClock()
  asked = []
  checks = []
  shown = []
  hidden = []
  logins = 0
  loginFault = undefined
  requestThrows = false
})

/** The client in a mini program whose WeChat does nothing by itself, and is too old for `offAppShow`. */
function client(options: object): Hub {
  const exported: { exports: { createHub?: (options: object) => Hub } } = { exports: {} }
  const wx = {
    login({ success, fail }: { success(result: { code: string }): void; fail(error: unknown): void }) {
      logins += 1
      if (loginFault === undefined) success({ code: `code ${logins}` })
      else loginFault({ fail })
    },
    checkSession: (callbacks: Checked) => checks.push(callbacks),
    request(options: Asked) {
      if (requestThrows) throw new TypeError('parameter error')
      asked.push(options)
    },
    getStorageSync: () => '',
    setStorageSync: () => undefined,
    removeStorageSync: () => undefined,
    onAppShow: (listener: () => void) => shown.push(listener),
    onAppHide: (listener: () => void) => hidden.push(listener),
  }
  const timers = new Map<number, () => void>()
  const setTimeout = (work: () => void, ms: number) => {
    timers.set(timers.size + 1, clock.after(ms, work))
    return timers.size
  }
  const clearTimeout = (id: number) => timers.get(id)?.()
  const time = { setTimeout, clearTimeout, Date: { now: () => clock.now() } }
  runInNewContext(source, { module: exported, wx, ...time, Error, TypeError, Promise })
  if (exported.exports.createHub === undefined) throw new Error('the client exports no createHub')
  return exported.exports.createHub(options)
}

/** The request that has waited longest, which gets this answer. */
async function answer(data: unknown, statusCode = 200, header = {}): Promise<Asked> {
  await turn()
  const first = asked.shift()
  if (first === undefined) throw new Error('nothing was asked')
  first.success({ statusCode, data, header })
  await turn()
  return first
}

const given = (session: string, expires_in = 1800) => ({ session, expires_in })

async function loggedIn(options: Partial<HubOptions> = {}): Promise<Hub> {
  const made = client({ hub, account: 'mini', ...options })
  const login = made.login()
  await answer(given('first'))
  await login
  return made
}

describe('what is asked of the hub', () => {
  it('waits 10 s unless told otherwise, and follows nobody elsewhere', async () => {
    for (const [options, timeout] of [
      [{}, 10_000],
      [{ timeout: 3000 }, 3000],
    ] as const) {
      const made = await loggedIn(options)
      const calls = [made.login(), made.renew(), made.decrypt({ encryptedData: 'e', iv: 'i' }), made.logout()]
      await turn()
      const paths = asked.map(({ url }) => url.slice(url.lastIndexOf('/')))
      expect(paths.sort()).toEqual(['/current', '/decrypt', '/renew', '/sessions'])
      for (const each of asked) expect(each).toMatchObject({ timeout, redirect: 'manual' })
      for (const each of asked.splice(0)) each.success({ statusCode: 404, data: {}, header: {} })
      await Promise.allSettled(calls)
    }
  })

  it('is the account as one segment of the path', async () => {
    const login = client({ hub: `${hub}//`, account: 'a/../b?c' }).login()
    expect((await answer(given('first'))).url).toBe(`${hub}/v1/a%2F..%2Fb%3Fc/sessions`)
    await login
  })

  it('is the sealed data alone, whatever WeChat has put beside them', async () => {
    const made = await loggedIn()
    const event = { encryptedData: 'e', iv: 'i', cloudID: 'c', errMsg: 'getUserInfo:ok' }
    const opened = made.decrypt(event)
    expect((await answer({ data: {}, timestamp: 1 })).data).toEqual({ encryptedData: 'e', iv: 'i' })
    await opened
    const profile = { rawData: 'r', signature: 's', userInfo: {}, encryptedData: 'e' }
    const verified = made.verify(profile)
    expect((await answer({ valid: true })).data).toEqual({ rawData: 'r', signature: 's' })
    await verified
  })
})

describe('the least options', () => {
  it('are the hub and the account: no back end gets the session, and what fails in the background is told to nobody', async () => {
    const made = client({ hub, account: 'mini' })
    await expect(made.request({ url: 'https://api.example.com/' })).rejects.toMatchObject({ errcode: -1 })
    made.start()
    await answer('busy', 503)
    // It is tried again all the same.
    await clock.advance(30_000)
    await answer(given('first'))
    expect([logins, asked.length]).toEqual([2, 0])
    made.stop()
  })

  it.each([{ account: 'mini' }, { hub }, { hub, account: 1 }])('are missing in %j', (options) => {
    expect(() => client(options)).toThrow(TypeError)
  })
})

describe('a mini program without offAppShow', () => {
  it('is stopped all the same, and can be started again', async () => {
    const made = await loggedIn()
    made.start()
    checks.pop()?.success()
    await turn()
    made.stop()
    for (const listener of shown) listener()
    await clock.advance(1_500_000)
    expect(asked).toEqual([])
    made.start()
    checks.pop()?.success()
    await clock.advance(1)
    expect((await answer(given('second'))).url).toMatch(/\/renew$/)
    made.stop()
  })
})

describe('an answer that comes when things have changed', () => {
  it.each([true, false])(
    'about a session_key that is good (%s): the session of a login meanwhile is given',
    async (good) => {
      const made = await loggedIn()
      const wanted = made.session({ checkKey: true })
      const login = made.login()
      await answer(given('second'))
      await login
      const [check] = checks
      if (good) check?.success()
      else check?.fail()
      expect(await wanted).toBe('second')
      expect(logins).toBe(2)
    },
  )

  it('of a renewal gives what is left of the session of a login meanwhile, in whole seconds', async () => {
    const made = await loggedIn()
    const renewal = made.renew()
    await turn()
    const [late] = asked.splice(0)
    const login = made.login()
    await answer(given('second'))
    await login
    clock.freeze(1500)
    late?.success({ statusCode: 200, data: given('third'), header: {} })
    expect(await renewal).toEqual({ session: 'second', expires_in: 1798 })
  })

  it('of a renewal, a 401 after a logout, logs nobody in', async () => {
    const made = await loggedIn()
    const refused = expect(made.renew()).rejects.toMatchObject({ statusCode: 401 })
    await turn()
    const [late] = asked.splice(0)
    const logout = made.logout()
    await answer({ ended: 1 })
    await logout
    late?.success({ statusCode: 401, data: { errcode: -401 }, header: {} })
    await refused
    expect([logins, asked]).toEqual([1, []])
  })

  it('of the hub, a 401 when the session of a login meanwhile is over too, brings another login', async () => {
    const made = await loggedIn()
    const wanted = made.request({ url: `${hub}/v1/mini/sessions/current` })
    await turn()
    const [late] = asked.splice(0)
    const login = made.login()
    await answer(given('second'))
    await login
    clock.freeze(1_800_000)
    late?.success({ statusCode: 401, data: {}, header: {} })
    await answer(given('third'))
    expect((await answer('done')).header).toEqual({ Authorization: 'Bearer third' })
    expect(await wanted).toMatchObject({ statusCode: 200, data: 'done' })
  })
})

describe('a session', () => {
  it('is given until 10 s before its end', async () => {
    const made = await loggedIn()
    clock.freeze(1_789_000)
    expect(await made.session()).toBe('first')
    clock.freeze(2000)
    const wanted = made.session()
    await answer(given('second'))
    expect(await wanted).toBe('second')
  })

  it('that lives for hours is renewed every 20 minutes', async () => {
    const made = client({ hub, account: 'mini' })
    made.start()
    await answer(given('first', 7200))
    await clock.advance(1_199_000)
    expect(asked).toEqual([])
    await clock.advance(2000)
    expect((await answer(given('second', 7200))).url).toMatch(/\/renew$/)
    made.stop()
  })

  it.each([500, 503, 403, 302])('outlasts a renewal that is answered %s', async (statusCode) => {
    const made = await loggedIn()
    const refused = expect(made.renew()).rejects.toMatchObject({ statusCode })
    await answer({}, statusCode)
    await refused
    expect(await made.session()).toBe('first')
    expect(logins).toBe(1)
  })

  it.each([
    { session: 1, expires_in: 1800 },
    { session: ['x'], expires_in: 1800 },
    { session: 'x', expires_in: 0 },
    { session: 'x', expires_in: -1 },
  ])('is none in the answer %j', async (data) => {
    const refused = expect(client({ hub, account: 'mini' }).login()).rejects.toMatchObject({ errcode: -1 })
    await answer(data)
    await refused
  })
})

describe('an error of the hub', () => {
  it.each([null, undefined, '', '<html>', 5])('has its status, though the body is %j', async (data) => {
    const refused = expect(client({ hub, account: 'mini' }).login()).rejects.toMatchObject({
      ...{ message: 'The hub answered HTTP 502', errcode: -502, statusCode: 502 },
    })
    await answer(data, 502)
    await refused
  })

  it('that WeChat does not let be asked says which domain to add, without the path', async () => {
    const hint = `Add ${hub} to the request合法域名 of the mini program.`
    const refused = expect(client({ hub, account: 'mini' }).login()).rejects.toMatchObject({ errcode: -1, hint })
    await turn()
    asked.shift()?.fail({ errMsg: 'request:fail url not in domain list' })
    await refused
  })

  it('is a redirect too: the session goes where it was sent, and nowhere else', async () => {
    const made = await loggedIn()
    const refused = expect(made.logout()).rejects.toMatchObject({ statusCode: 302 })
    await answer('', 302)
    await refused
  })

  it('is still told when the login fails that it brings', async () => {
    const made = await loggedIn()
    const refused = expect(made.decrypt({ encryptedData: 'e', iv: 'i' })).rejects.toMatchObject({ errcode: 87009 })
    await answer({ errcode: 87009 }, 409)
    await answer({ errcode: -503 }, 503)
    await refused
    expect(logins).toBe(2)
  })
})

describe('a request', () => {
  it('leaves its options as they were, and callbacks in them aside', async () => {
    const made = await loggedIn()
    const options = { url: `${hub}/v1/mini/x`, header: { 'x-other': 'other' }, success: 'mine', fail: 'mine' }
    const wanted = made.request(options)
    await answer('done')
    expect(await wanted).toMatchObject({ data: 'done' })
    expect(options.header).toEqual({ 'x-other': 'other' })
  })
})

describe('a logout', () => {
  it('answers nothing', async () => {
    const logout = (await loggedIn()).logout()
    await answer({ ended: 1 })
    expect(await logout).toBeUndefined()
  })
})

describe('after a logout', () => {
  async function loggedOut(made: Hub): Promise<void> {
    const logout = made.logout()
    const withheld = asked.splice(0, asked.length - 1)
    await answer({ ended: 1 })
    await logout
    asked.push(...withheld)
  }

  it('the hub’s word that the session of a request is over logs nobody in', async () => {
    const made = await loggedIn({ backEnds: ['https://api.example.com'] })
    const wanted = made.request({ url: 'https://api.example.com/orders' })
    await answer('who?', 401)
    expect(asked).toMatchObject([{ url: `${hub}/v1/mini/sessions/current` }])
    await loggedOut(made)
    await answer({ errcode: -401 }, 401)
    expect(await wanted).toMatchObject({ statusCode: 401, data: 'who?' })
    expect([logins, asked]).toEqual([1, []])
  })

  it('a request is not sent again with the session of a login that came before it', async () => {
    const made = await loggedIn()
    const wanted = made.request({ url: `${hub}/v1/mini/x` })
    await turn()
    const [late] = asked.splice(0)
    const login = made.login()
    await answer(given('second'))
    await login
    late?.success({ statusCode: 401, data: 'who?', header: {} })
    const logout = made.logout()
    await answer({ ended: 1 })
    await logout
    expect(await wanted).toMatchObject({ statusCode: 401 })
    expect([logins, asked]).toEqual([2, []])
  })

  it.each(['decrypt', 'verify'] as const)('a session_key that is replaced logs nobody in: %s', async (call) => {
    const made = await loggedIn()
    const refused = expect(made[call]({ encryptedData: 'e', iv: 'i', rawData: 'r', signature: 's' })).rejects
    const told = refused.toMatchObject({ errcode: 87009 })
    await turn()
    await loggedOut(made)
    await answer({ errcode: 87009 }, 409)
    await told
    expect([logins, asked]).toEqual([1, []])
  })

  it.each([true, false])(
    'a start is tried again when its login fails, and says why (after a stop: %s)',
    async (stopped) => {
      const errors: unknown[] = []
      const made = client({ hub, account: 'mini', onError: (error: unknown) => errors.push(error) })
      made.start()
      await answer(given('first'))
      await loggedOut(made)
      if (stopped) made.stop()
      made.start()
      made.start()
      await answer('', 503)
      expect([logins, errors]).toEqual([2, [expect.objectContaining({ statusCode: 503 })]])
      expect([shown.length, hidden.length]).toEqual(stopped ? [2, 2] : [1, 1])
      await clock.advance(30_000)
      await answer(given('second'))
      expect([logins, errors.length, await made.session()]).toEqual([3, 1, 'second'])
      made.stop()
    },
  )

  it('a start hears nothing of the one before', async () => {
    const errors: unknown[] = []
    const made = client({ hub, account: 'mini', onError: (error: unknown) => errors.push(error) })
    made.start()
    await turn()
    const [late] = asked.splice(0)
    await made.logout()
    made.start()
    await answer(given('second'))
    late?.success({ statusCode: 200, data: given('first'), header: {} })
    await answer({ ended: 1 })
    expect([errors, await made.session()]).toEqual([[], 'second'])
    made.stop()
  })
})

describe('a login that failed', () => {
  const code = async (promise: Promise<unknown>) => promise.then(String, ({ errcode }: { errcode: number }) => errcode)

  it('is not tried again for 3 s: whoever asks gets its error', async () => {
    const made = client({ hub, account: 'mini' })
    const first = made.session().catch((error: unknown) => error)
    await answer({ errcode: 45011 }, 400)
    const error = await first
    for (const again of [made.session(), made.request({ url: `${hub}/x` }), made.login(), made.renew()]) {
      expect(await again.catch((other: unknown) => other)).toBe(error)
    }
    clock.freeze(2990)
    expect(await code(made.session())).toBe(45011)
    expect([logins, asked]).toEqual([1, []])
    clock.freeze(10)
    const wanted = made.session()
    await answer(given('first'))
    expect([await wanted, logins]).toEqual(['first', 2])
  })

  it.each([
    ['30', 30],
    ['600', 60],
    ['1', 3],
    ['0', 3],
    ['-5', 3],
    ['Wed, 21 Oct 2026 07:28:00 GMT', 3],
  ])('is not tried again as long as Retry-After says, 60 s at most: %s', async (retryAfter, seconds) => {
    const made = client({ hub, account: 'mini' })
    const first = made.session().catch((error: unknown) => error)
    await answer('', 429, { 'retry-After': retryAfter })
    const told = /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined
    expect(await first).toMatchObject({ errcode: -429, retryAfter: told })
    clock.freeze(seconds * 1000 - 1)
    expect(await code(made.session())).toBe(-429)
    clock.freeze(1)
    const wanted = made.session()
    await answer(given('first'))
    expect([await wanted, logins]).toEqual(['first', 2])
  })

  it('is tried again where the clock was put back', async () => {
    const made = client({ hub, account: 'mini' })
    const first = code(made.session())
    await answer('', 503)
    await first
    clock.jump(-86_400_000)
    const wanted = made.session()
    await answer(given('first'))
    expect(await wanted).toBe('first')
  })

  it('is tried again in the background no sooner than the hub says', async () => {
    const errors: unknown[] = []
    const made = client({ hub, account: 'mini', onError: (error: unknown) => errors.push(error) })
    made.start()
    await answer('', 503, { 'Retry-After': '45' })
    await clock.advance(44_000)
    expect([logins, errors.length]).toEqual([1, 1])
    await clock.advance(1000)
    await answer(given('first'))
    expect([logins, await made.session()]).toEqual([2, 'first'])
    made.stop()
  })

  it('because of a logout is no failure', async () => {
    const made = client({ hub, account: 'mini' })
    const first = made.login().catch((error: Error) => error.message)
    await turn()
    const [late] = asked.splice(0)
    await made.logout()
    late?.success({ statusCode: 503, data: '', header: {} })
    await first
    const wanted = made.session()
    await answer(given('second'))
    expect(await wanted).toBe('second')
  })

  it.each([
    [undefined, 'fail'],
    [{}, 'fail'],
    [{ errMsg: 'login:fail no network' }, 'login:fail no network'],
  ])('is an error whatever WeChat says of it: %j', async (said, message) => {
    loginFault = ({ fail }) => fail(said)
    await expect(client({ hub, account: 'mini' }).login()).rejects.toMatchObject({ message, errcode: -1 })
  })

  it('is an error where WeChat throws', async () => {
    loginFault = () => {
      throw new TypeError('not here')
    }
    await expect(client({ hub, account: 'mini' }).login()).rejects.toMatchObject({ message: 'not here', errcode: -1 })
    loginFault = undefined
    requestThrows = true
    const refused = { message: 'parameter error', errcode: -1 }
    await expect(client({ hub, account: 'mini' }).login()).rejects.toMatchObject(refused)
  })
})

describe('a call without what it needs', () => {
  /** As JavaScript calls it, which knows no types. */
  const call = (made: Hub, name: string, given: unknown): Promise<unknown> => Reflect.get(made, name)(given)

  it.each([undefined, null, 5, {}, { url: null }, { url: { toString: () => `${hub}/x` } }])(
    'rejects: request(%j)',
    async (options) => {
      const made = await loggedIn()
      await expect(call(made, 'request', options)).rejects.toMatchObject({ errcode: -1, hint: expect.any(String) })
      expect(asked).toEqual([])
    },
  )

  it.each(['decrypt', 'verify'])('is judged by the hub: %s()', async (name) => {
    const made = await loggedIn()
    for (const given of [undefined, null, 'sealed']) {
      const refused = expect(call(made, name, given)).rejects.toMatchObject({ errcode: -400 })
      await answer({ errcode: -400 }, 400)
      await refused
    }
  })

  it('is answered: session(null)', async () => {
    expect(await call(await loggedIn(), 'session', null)).toBe('first')
  })
})

describe('a mini program that came up without network', () => {
  it('logs in when the user is back', async () => {
    const made = client({ hub, account: 'mini' })
    made.start()
    await answer('', 503)
    for (const listener of hidden) listener()
    await clock.advance(600_000)
    expect(asked).toEqual([])
    for (const listener of shown) listener()
    await clock.advance(1)
    await answer(given('first'))
    expect(await made.session()).toBe('first')
    made.stop()
  })
})
