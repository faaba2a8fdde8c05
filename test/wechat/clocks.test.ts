import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { memoryStorage } from '../../src/wechat/storage.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { Scene } from '../support/scene.js'
import { newSeed, seeded } from '../support/seeded.js'

let scene: Scene

const hour = 3_600_000

/** Each 10 s somebody asks, and gets what WeChat takes. */
async function expectAccepted(wechat: Wechat, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 10) {
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
    await scene.pass(10)
  }
}

afterEach(() => scene.close())

describe('a wall clock that is set', () => {
  beforeEach(async () => {
    // WeChat's own time goes on steadily.
    scene = await Scene.start((clock) => Date.UTC(2026, 0, 1) + clock.monotonic())
  })

  const cases = [hour, -hour].flatMap((jump) => [0, 3000, 6905, 7170].map((after) => ({ jump, after })))

  it.each(cases)('by $jump ms, $after s into a token, makes no dead token be given out', async ({ jump, after }) => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    await scene.pass(after)
    scene.clock.jump(jump)
    await expectAccepted(wechat, 8000)
    scene.clock.jump(-jump)
    await expectAccepted(wechat, 8000)
    expect(scene.fetches).toBeLessThanOrEqual(5)
  })

  it('back by an hour, with no refresh ahead, makes no dead token be given out', async () => {
    const wechat = scene.wechat({ refreshAhead: 0 })
    await wechat.fetchAccessToken()
    await scene.pass(7150)
    scene.clock.jump(-hour)
    for (let second = 0; second < 100; second += 1) {
      expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
      await scene.pass(1)
    }
  })

  const seed = newSeed()

  it(`again and again for a day makes no dead token be given out, seed ${seed}`, async () => {
    const random = seeded(seed)
    const wechat = scene.wechat()
    let ahead = 0
    for (let time = 0; time < 100; time += 1) {
      const next = Math.round((random() * 2 - 1) * hour)
      scene.clock.jump(next - ahead)
      ahead = next
      await expectAccepted(wechat, random() * 1728)
    }
    expect(scene.happened('died-early')).toEqual([])
  })

  it('back while the program is restarted makes its record be set aside, for it lives too long', async () => {
    const storage = memoryStorage()
    scene.clock.jump(hour)
    await scene.wechat({ storage }).fetchAccessToken()
    scene.clock.jump(-hour)
    const wechat = scene.wechat({ storage })
    await expectAccepted(wechat, 8000)
    expect(scene.happened('set-aside')).toHaveLength(1)
  })
})

describe('a process that was paused', () => {
  beforeEach(async () => {
    scene = await Scene.start()
  })

  it.each([60_000, 6_950_000, 7_180_000, 7_199_000, 7_200_000, 86_400_000])(
    'for %i ms gives out no dead token when it goes on',
    async (ms) => {
      const wechat = scene.wechat()
      await wechat.fetchAccessToken()
      scene.clock.freeze(ms)
      // Before any timer fires.
      expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
      await expectAccepted(wechat, 8000)
    },
  )

  it('refreshes by itself when it goes on, though nobody asks', async () => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    scene.clock.freeze(86_400_000)
    await scene.pass(0)
    expect(wechat.accessToken.state.secondsLeft).toBe(7200)
    expect(scene.fetches).toBe(2)
  })
})

describe('a machine that was suspended', () => {
  beforeEach(async () => {
    scene = await Scene.start()
  })

  it.each([60_000, 6_950_000, 7_180_000, 7_199_000, 7_200_000, 86_400_000])(
    'for %i ms, with a monotonic clock that stood still, gives out no dead token when it wakes',
    async (ms) => {
      const wechat = scene.wechat()
      await wechat.fetchAccessToken()
      scene.clock.jump(ms)
      expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
      await expectAccepted(wechat, 8000)
      expect(scene.happened('died-early')).toEqual([])
    },
  )

  it('refreshes by itself within a minute, though nobody asks', async () => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    scene.clock.jump(86_400_000)
    await scene.pass(60)
    expect(wechat.accessToken.state.secondsLeft).toBeGreaterThan(7000)
    expect(scene.fetches).toBe(2)
  })
})
