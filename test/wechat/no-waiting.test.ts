import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { secondsLeft } from '../../src/wechat/held.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { Scene } from '../support/scene.js'
import { Upstream } from '../support/upstream.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

/** A back end that keeps each token for its whole `expires_in`, and uses it each minute of a day. Counts the refusals. */
async function dayOfACachingReader(wechat: Wechat): Promise<number> {
  let cached = { token: '', until: 0 }
  let refused = 0
  for (let minute = 0; minute < 1440; minute += 1) {
    if (scene.clock.now() >= cached.until) {
      const held = await wechat.accessToken.get()
      cached = { token: held.value, until: scene.clock.now() + secondsLeft(held, scene.clock) * 1000 }
    }
    if (!(await isTaken(cached.token))) refused += 1
    await scene.pass(60)
  }
  return refused
}

async function isTaken(token: string): Promise<boolean> {
  const answer = await fetch(`${scene.apiDomain}cgi-bin/get_api_domain_ip?access_token=${token}`)
  return 'ip_list' in Object(await answer.json())
}

describe('no waiting (P3)', () => {
  it('refreshes in the background from 290 s before the end, while callers get the current token at once', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    await scene.pass(7200 - 291)
    expect(scene.fetches).toBe(1)
    scene.sandbox.faults.add({ kind: 'slow', ms: 200, path: '/cgi-bin/token' })
    scene.clock.freeze(1000)
    const callers = Array.from({ length: 1000 }, () => wechat.fetchAccessToken())
    expect(new Set(await Promise.all(callers))).toEqual(new Set([first]))
    // The answer is still held back: nobody has waited for it.
    expect(wechat.accessToken.state.refreshing).toBe(true)
    expect(scene.happened('refreshed')).toHaveLength(1)
    await scene.settled()
    expect(scene.fetches).toBe(2)
    expect(scene.happened('refreshed')[1]).toMatchObject({ cause: 'ahead', from: 'wechat' })
    expect(await wechat.fetchAccessToken()).not.toBe(first)
  })

  it('refreshes ahead by the timer too, with no caller', async () => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    await scene.pass(7200 - 291)
    expect(scene.fetches).toBe(1)
    await scene.pass(1)
    expect(scene.fetches).toBe(2)
  })

  it.each(['token', 'stable_token'] as const)(
    'never cuts off a back end that cached the old token of %s for its whole life',
    async (endpoint) => {
      const wechat = scene.wechat({ endpoint })
      expect(await dayOfACachingReader(wechat)).toBe(0)
      expect(scene.mostInFlight).toBe(1)
    },
  )

  it('refreshes only at the margin when refreshAhead is 0', async () => {
    const wechat = scene.wechat({ refreshAhead: 0 })
    await wechat.fetchAccessToken()
    await scene.pass(7200 - 21)
    await wechat.fetchAccessToken()
    expect(scene.fetches).toBe(1)
    await scene.pass(1)
    expect(scene.fetches).toBe(2)
  })

  it.each([299, 290, 0])(
    'does not loop in the last five minutes of stable_token, refreshing %i s ahead',
    async (refreshAhead) => {
      const wechat = scene.wechat({ endpoint: 'stable_token', refreshAhead })
      for (let minute = 0; minute < 1440; minute += 1) {
        expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
        await scene.pass(60)
      }
      expect(scene.fetches).toBeLessThanOrEqual(14)
    },
  )

  it('asks again at most each 30 s while stable_token goes on giving the same token', async () => {
    const end = scene.clock.now() + 280_000
    const upstream = await Upstream.start(() => ({
      access_token: 'the-same-token',
      expires_in: Math.floor((end - scene.clock.now()) / 1000),
    }))
    const wechat = scene.wechat({ endpoint: 'stable_token', apiDomain: upstream.apiDomain })
    await wechat.fetchAccessToken()
    await scene.pass(259)
    await upstream.close()
    // From 140 s before its end on, half of its life.
    expect(upstream.seen).toHaveLength(5)
  })

  it.each([
    { life: 600, most: 288 },
    { life: 120, most: 1440 },
  ])('fetches tokens that live $life s at most twice in their life', async ({ life, most }) => {
    const upstream = await Upstream.start((_request, count) => ({ access_token: `token-${count}`, expires_in: life }))
    const wechat = scene.wechat({ apiDomain: upstream.apiDomain })
    await wechat.fetchAccessToken()
    await scene.pass(86_399)
    await upstream.close()
    expect(upstream.seen.length).toBeLessThanOrEqual(most)
  })

  it('does not take a token that would never be given out, and asks no faster for it', async () => {
    const upstream = await Upstream.start((_request, count) => ({ access_token: `token-${count}`, expires_in: 20 }))
    const wechat = scene.wechat({ apiDomain: upstream.apiDomain })
    expect((await scene.ended(wechat.fetchAccessToken())).error).toMatchObject({ code: 'UNAVAILABLE' })
    await scene.pass(3600)
    await upstream.close()
    expect(upstream.seen.length).toBeLessThanOrEqual(71)
  })
})
