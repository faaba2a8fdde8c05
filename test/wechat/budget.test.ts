import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Governor } from '../../src/wechat/governor.js'
import { memoryStorage, type Storage } from '../../src/wechat/storage.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { Scene } from '../support/scene.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

/** From the beginning of a scene, 8:00 in Beijing, in seconds. */
const midnightInBeijing = 16 * 3600

async function updateTimes(wechat: Wechat, times: number): Promise<unknown[]> {
  const failures: unknown[] = []
  for (let time = 0; time < times; time += 1) await wechat.updateAccessToken().catch((error) => failures.push(error))
  return failures
}

describe("the day's budget (P5)", () => {
  it('holds whatever callers do, with an honest error', async () => {
    const wechat = scene.wechat({ dailyTokens: 30 })
    const failures = await updateTimes(wechat, 100)
    expect(failures).toHaveLength(70)
    for (const failure of failures) {
      expect(failure).toMatchObject({
        code: 'BUDGET_SPENT',
        kind: 'quota',
        errcode: 45009,
        retryAfter: midnightInBeijing,
      })
    }
    expect(scene.fetches).toBe(30)
    expect(await wechat.governor.today()).toBe(30)
    // What was fetched is served on.
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
  })

  it('is given anew at midnight in Beijing', async () => {
    const wechat = scene.wechat({ dailyTokens: 5 })
    await updateTimes(wechat, 6)
    await scene.pass(midnightInBeijing - 30)
    expect(scene.fetches).toBe(5)
    await expect(wechat.updateAccessToken()).rejects.toMatchObject({ code: 'BUDGET_SPENT' })
    expect((await scene.ended(wechat.fetchAccessToken())).error).toMatchObject({ kind: 'quota' })
    await scene.pass(30)
    expect(scene.fetches).toBe(6)
    expect(await wechat.governor.today()).toBe(1)
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
  })

  it('survives a restart', async () => {
    const storage = memoryStorage()
    await updateTimes(scene.wechat({ storage, dailyTokens: 5 }), 3)
    const again = scene.wechat({ storage, dailyTokens: 5 })
    expect(await again.governor.today()).toBe(3)
    expect(await updateTimes(again, 5)).toHaveLength(3)
    expect(scene.fetches).toBe(5)
  })

  it('is shared by the programs that share a store', async () => {
    const storage = memoryStorage()
    const programs = [scene.wechat({ storage, dailyTokens: 10 }), scene.wechat({ storage, dailyTokens: 10 })] as const
    for (let round = 0; round < 10; round += 1) for (const program of programs) await updateTimes(program, 1)
    expect(scene.fetches).toBe(10)
    expect(await programs[0].governor.today()).toBe(10)
    expect(await programs[1].governor.today()).toBe(10)
  })

  it('leaves half of the day to the scheduled refreshes, however many tokens die early', async () => {
    const wechat = scene.wechat({ dailyTokens: 20 })
    for (let theft = 0; theft < 11; theft += 1) {
      const token = await wechat.fetchAccessToken()
      scene.steal()
      await scene.ended(wechat.rejectAccessToken(token))
      await scene.pass(60)
    }
    // The first fetch, and ten forced ones.
    expect(scene.fetches).toBe(11)
    expect((await scene.ended(wechat.fetchAccessToken())).error).toMatchObject({ kind: 'quota', errcode: 45009 })
    await scene.pass(7200)
    expect(scene.fetches).toBe(12)
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
  })

  it('keeps the distance from what another process forced, though this one stood still before its own and failed', async () => {
    const storage = memoryStorage()
    const limits = { daily: 2000, forcedDaily: 20, forcedGap: 30_000 }
    const governor = () => new Governor({ clock: scene.clock, storage, limits, observe: () => undefined })
    const [one, two] = [governor(), governor()]
    await one.admit(true)
    scene.clock.freeze(30_000)
    await two.admit(true)
    await one.failed(true, false)
    await expect(one.admit(true)).rejects.toMatchObject({ code: 'BUDGET_SPENT', retryAfter: 30 })
    expect(await two.today()).toBe(1)
    await two.failed(true, true)
    await one.admit(true)
  })

  it('keeps forced fetches 10 s apart', async () => {
    const wechat = scene.wechat()
    for (let theft = 0; theft < 5; theft += 1) {
      const token = await wechat.fetchAccessToken()
      scene.steal()
      await scene.pass(3)
      expect((await scene.ended(wechat.rejectAccessToken(token))).value).not.toBe(token)
      await scene.pass(3)
    }
    const forced = scene.fetchTimes.slice(1)
    for (const [index, at] of forced.slice(1).entries())
      expect(at - (forced[index] ?? at)).toBeGreaterThanOrEqual(10_000)
  })

  it('is given back when WeChat was not reached', async () => {
    const wechat = scene.wechat()
    await scene.sandbox.close()
    await expect(wechat.updateAccessToken()).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' })
    await scene.pass(3600)
    expect(scene.happened('refresh-failed').length).toBeGreaterThan(50)
    expect(await wechat.governor.today()).toBe(0)
  })

  it.each(['status', 'busy', 'reset', 'truncate', 'garbage'] as const)(
    'is used up by a request that may have counted (%s)',
    async (kind) => {
      const wechat = scene.wechat()
      scene.sandbox.faults.add({ kind, path: '/cgi-bin/token', times: 1 })
      await expect(wechat.updateAccessToken()).rejects.toMatchObject({ kind: 'transient' })
      expect(await wechat.governor.today()).toBe(1)
    },
  )

  it('is not granted anew by a store that cannot save or read the count', async () => {
    const broken = () => Promise.reject(new Error('disk full'))
    const records = memoryStorage()
    const storage: Storage = {
      read: (name) => (name === 'fetches' ? broken() : records.read(name)),
      save: (name, record) => (name === 'fetches' ? broken() : records.save(name, record)),
    }
    const wechat = scene.wechat({ storage, dailyTokens: 5 })
    expect(await updateTimes(wechat, 20)).toHaveLength(15)
    expect(scene.fetches).toBe(5)
  })

  it('is not granted anew by a store that went back in time', async () => {
    const records = memoryStorage()
    let old: unknown
    const storage: Storage = {
      ...records,
      read: (name) => (name === 'fetches' ? Promise.resolve(old) : records.read(name)),
    }
    const wechat = scene.wechat({ storage, dailyTokens: 5 })
    await updateTimes(wechat, 1)
    old = await records.read('fetches')
    expect(await updateTimes(wechat, 20)).toHaveLength(16)
    expect(scene.fetches).toBe(5)
  })

  it('is not stopped by a broken count, whatever it is', async () => {
    const count = fc.record(
      {
        day: fc.oneof(fc.constant('2026-01-01'), fc.string()),
        fetches: fc.oneof(fc.integer({ max: -1 }), fc.double(), fc.string(), fc.constant(null)),
        forced: fc.jsonValue(),
        forcedAt: fc.jsonValue(),
        version: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    const raw = fc.oneof(
      fc.jsonValue(),
      fc.string(),
      fc.constant(undefined),
      count,
      count.map((each) => JSON.stringify(each)),
    )
    await fc.assert(
      fc.asyncProperty(raw, async (broken) => {
        const records = memoryStorage()
        const storage = {
          ...records,
          read: (name: string) => (name === 'fetches' ? Promise.resolve(broken) : records.read(name)),
        }
        const wechat = scene.wechat({ storage })
        expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
        expect(await wechat.governor.today()).toBe(1)
      }),
      { numRuns: 200 },
    )
  })
})
