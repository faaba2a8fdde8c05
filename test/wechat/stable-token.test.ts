import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Wechat } from '../../src/wechat/wechat.js'
import { Scene } from '../support/scene.js'
import { Upstream } from '../support/upstream.js'

let scene: Scene
let wechat: Wechat

beforeEach(async () => {
  scene = await Scene.start()
  wechat = scene.wechat({ endpoint: 'stable_token' })
})

afterEach(() => scene.close())

function forcedFetches(): number {
  return scene.sandbox.tokens.toJSON().filter(({ forced }) => forced).length
}

/** The token's present value is refused by the probe, once, though it lives. */
async function rejectFalsely(): Promise<unknown> {
  scene.sandbox.faults.add({ kind: 'errcode', errcode: 40001, path: '/cgi-bin/getcallbackip', times: 1 })
  const token = await wechat.fetchAccessToken()
  const asked = await scene.ended(wechat.rejectAccessToken(token))
  if (asked.value !== undefined) expect(asked.value).not.toBe(token)
  return asked.error
}

describe('stable_token', () => {
  it('takes the token that WeChat has rolled instead of forcing one', async () => {
    const first = await wechat.fetchAccessToken()
    scene.steal({ endpoint: 'stable_token' })
    const next = await wechat.rejectAccessToken(first)
    expect(next).not.toBe(first)
    expect(scene.accepts(next)).toBe(true)
    expect(forcedFetches()).toBe(0)
    expect(scene.fetches).toBe(2)
  })

  it('forces a new token only when WeChat goes on giving the one that it refuses', async () => {
    await wechat.fetchAccessToken()
    expect(await rejectFalsely()).toBeUndefined()
    expect(forcedFetches()).toBe(1)
    expect(scene.fetches).toBe(3)
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
  })

  it('keeps forced fetches 30 s apart, with an honest error in between', async () => {
    await wechat.fetchAccessToken()
    expect(await rejectFalsely()).toBeUndefined()
    await scene.pass(10)
    expect(await rejectFalsely()).toMatchObject({
      code: 'UNAVAILABLE',
      kind: 'quota',
      errcode: 45009,
      hint: expect.stringContaining('another program'),
      retryAfter: 20,
    })
    await scene.pass(19)
    expect(forcedFetches()).toBe(1)
    await scene.pass(1)
    expect(forcedFetches()).toBe(2)
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
  })

  it('forces 20 tokens a day, and takes the one that WeChat rolls when they are spent', async () => {
    await wechat.fetchAccessToken()
    for (let time = 0; time < 20; time += 1) {
      expect(await rejectFalsely()).toBeUndefined()
      await scene.pass(60)
    }
    // Refused by the governor: WeChat is not even asked.
    expect(await rejectFalsely()).toMatchObject({ kind: 'quota', errcode: 45009, cause: { code: 'BUDGET_SPENT' } })
    expect(forcedFetches()).toBe(20)
    await scene.pass(7200)
    expect(forcedFetches()).toBe(20)
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
  })

  it('forces again the next day in Beijing', async () => {
    await wechat.fetchAccessToken()
    for (let time = 0; time < 20; time += 1) {
      await rejectFalsely()
      await scene.pass(60)
    }
    // The scene begins at 8:00 in Beijing.
    await scene.pass(16 * 3600)
    expect(await rejectFalsely()).toBeUndefined()
    expect(forcedFetches()).toBe(21)
  })

  it('does not give out a refused token that even force mode gives again', async () => {
    const upstream = await Upstream.start(({ url }) =>
      url.pathname === '/cgi-bin/stable_token'
        ? { access_token: 'the-same-token', expires_in: 7200 }
        : { errcode: 40001, errmsg: 'invalid credential' },
    )
    const bound = scene.wechat({ endpoint: 'stable_token', apiDomain: upstream.apiDomain })
    const token = await bound.fetchAccessToken()
    const { error } = await scene.ended(bound.rejectAccessToken(token))
    expect(error).toMatchObject({ code: 'UNAVAILABLE' })
    expect((await scene.ended(bound.fetchAccessToken())).error).toMatchObject({ code: 'UNAVAILABLE' })
    await upstream.close()
  })

  it('lets two programs that know nothing of each other live together for a day', async () => {
    const other = scene.wechat({ endpoint: 'stable_token' })
    for (let minute = 0; minute < 1440; minute += 1) {
      for (const each of [wechat, other]) {
        const token = await each.fetchAccessToken()
        expect(scene.accepts(token)).toBe(true)
        if (minute % 10 === 0) expect(await each.rejectAccessToken(token)).toBe(token)
      }
      await scene.pass(60)
    }
    expect(scene.happened('died-early')).toEqual([])
    expect(forcedFetches()).toBe(0)
  })

  it('and the token endpoint do not disturb each other', async () => {
    const other = scene.wechat({ endpoint: 'token' })
    for (let minute = 0; minute < 1440; minute += 1) {
      const [stable, plain] = [await wechat.fetchAccessToken(), await other.fetchAccessToken()]
      expect(stable).not.toBe(plain)
      expect([scene.accepts(stable), scene.accepts(plain)]).toEqual([true, true])
      if (minute % 100 === 0) await Promise.all([wechat.updateAccessToken(), other.updateAccessToken()])
      await scene.pass(60)
    }
    expect(scene.happened('died-early')).toEqual([])
  })
})
