import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Wechat } from '../../src/wechat/wechat.js'
import { Scene } from '../support/scene.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

function crowd(wechat: Wechat): Promise<string[]> {
  return Promise.all(Array.from({ length: 10_000 }, () => wechat.fetchAccessToken()))
}

describe('one refresh (P1)', () => {
  it('answers 10,000 callers on a cold start with one upstream call', async () => {
    const tokens = await crowd(scene.wechat())
    expect(new Set(tokens).size).toBe(1)
    expect(scene.fetches).toBe(1)
    expect(scene.mostInFlight).toBe(1)
  })

  it('answers 10,000 callers with one upstream call when the token has expired', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    // No timer fires: nobody but the callers can start the refresh.
    scene.clock.freeze(7_200_000)
    const tokens = await crowd(wechat)
    expect(new Set(tokens).size).toBe(1)
    expect(tokens[0]).not.toBe(first)
    expect(scene.fetches).toBe(2)
    expect(scene.mostInFlight).toBe(1)
  })

  it('answers 10,000 callers and reporters with one upstream call when the token was just rejected', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    scene.steal()
    const report = wechat.rejectAccessToken(first)
    const [next, tokens, reported] = await Promise.all([
      report,
      report.then(() => crowd(wechat)),
      Promise.all(Array.from({ length: 10_000 }, () => wechat.rejectAccessToken(first))),
    ])
    expect(next).not.toBe(first)
    expect(new Set([next, ...tokens, ...reported]).size).toBe(1)
    expect(scene.fetches).toBe(2)
    expect(scene.probes).toBe(1)
    expect(scene.mostInFlight).toBe(1)
  })

  it('shares one upstream call between a refresh ahead, one by hand and the callers', async () => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    scene.clock.freeze(7_200_000 - 100_000)
    await Promise.all([crowd(wechat), wechat.updateAccessToken(), wechat.updateAccessToken()])
    await scene.settled()
    expect(scene.fetches).toBe(2)
    expect(scene.mostInFlight).toBe(1)
  })

  it('fetches nothing before the first caller asks', async () => {
    scene.wechat()
    await scene.pass(86_400)
    expect(scene.fetches).toBe(0)
  })

  it('keeps the token alive by itself once somebody has asked', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    await scene.pass(86_400)
    const last = await wechat.fetchAccessToken()
    expect(last).not.toBe(first)
    expect(scene.accepts(last)).toBe(true)
    // 86400 / (7200 - 290) = 12.5
    expect(scene.fetches).toBe(13)
  })

  it('goes on with its life after a refresh by hand failed', async () => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    scene.sandbox.faults.add({ kind: 'ip', path: '/cgi-bin/token', times: 1 })
    await expect(wechat.updateAccessToken()).rejects.toMatchObject({ errcode: 40164 })
    await scene.pass(7200)
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
    expect(scene.fetches).toBe(3)
  })
})
