import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { endlessLease, type Storage } from '../../src/wechat/storage.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { type Asked, account, Scene } from '../support/scene.js'
import { newSeed, seeded } from '../support/seeded.js'
import { UnlockedStorage } from '../support/unlocked-storage.js'
import { until } from '../support/until.js'

let scene: Scene
let storage: UnlockedStorage

beforeEach(async () => {
  scene = await Scene.start()
  storage = new UnlockedStorage()
})

afterEach(() => scene.close())

/** Both programs fetch at once; the answer to the first one's request is held back until the second one has saved. */
async function race(slower: Wechat, faster: Wechat): Promise<{ slow: Promise<string> }> {
  const before = scene.fetches
  scene.sandbox.faults.add({ kind: 'slow', ms: 150, times: 1 })
  const slow = slower.fetchAccessToken()
  await until(() => scene.fetches > before)
  await faster.fetchAccessToken()
  return { slow }
}

function holdFirstSave(record: string): { reached: () => boolean; release: () => void } {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let reached = false
  storage.beforeSave = async (name) => {
    if (name !== record || reached) return
    reached = true
    await held
  }
  return { reached: () => reached, release: () => release() }
}

/** Both programs fetch at once, and the fetch that would decide whose token lives fails; in the end WeChat works again. */
async function leaveUndecided(one: Wechat, two: Wechat): Promise<Asked<string>> {
  const hold = holdFirstSave('access_token')
  const slow = scene.watch(one.fetchAccessToken())
  await until(hold.reached)
  await two.fetchAccessToken()
  scene.sandbox.faults.add({ kind: 'status', path: '/cgi-bin/token' })
  hold.release()
  await until(() => scene.happened('refresh-failed').length > 0)
  await scene.pass(2.5)
  scene.sandbox.faults.clear()
  return slow
}

async function expectBothAlive(...wechats: readonly Wechat[]): Promise<void> {
  await scene.pass(301)
  for (const wechat of wechats) expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
}

describe('two programs that fetch at once, since the lock was lost', () => {
  it.each(['token', 'stable_token'] as const)('both end up with a living token of %s', async (endpoint) => {
    const program = () => scene.wechat({ endpoint, storage: storage.view() })
    const [one, two] = [program(), program()]
    const { slow } = await race(one, two)
    expect(scene.accepts(await slow)).toBe(true)
    await expectBothAlive(one, two)
    expect(scene.happened('died-early')).toEqual([])
    expect(await one.fetchAccessToken()).toBe(await two.fetchAccessToken())
  })

  it('decide it by one more fetch, though the first try of that fails', async () => {
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    const { slow } = await race(one, two)
    scene.sandbox.faults.add({ kind: 'status', path: '/cgi-bin/token', times: 1 })
    expect((await scene.ended(slow)).error).toBeUndefined()
    await expectBothAlive(one, two)
    expect(scene.fetches).toBe(4)
  })

  it('decide it though WeChat is down for ten minutes in between', async () => {
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    const { slow } = await race(one, two)
    scene.sandbox.faults.add({ kind: 'status', path: '/cgi-bin/token' })
    await scene.ended(slow)
    await scene.pass(600)
    scene.sandbox.faults.clear()
    await scene.pass(65)
    await expectBothAlive(one, two)
  })

  it('decide it when a rejected token was replaced by both, without a second forced fetch', async () => {
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    const first = await one.fetchAccessToken()
    expect(await two.fetchAccessToken()).toBe(first)
    scene.steal()
    scene.sandbox.faults.add({ kind: 'slow', ms: 150, path: '/cgi-bin/token', times: 1 })
    const before = scene.fetches
    const slow = one.rejectAccessToken(first)
    await until(() => scene.fetches > before)
    const fast = await two.updateAccessToken()
    expect(fast).not.toBe(first)
    const settled = await scene.ended(slow)
    expect(settled.error).toBeUndefined()
    await expectBothAlive(one, two)
  })

  it('serve what they fetched, though the store refuses every save', async () => {
    const stubborn = { ...storage.view(), save: () => Promise.resolve(false) }
    const wechat = scene.wechat({ storage: stubborn })
    for (let minute = 0; minute < 200; minute += 1) {
      const { value } = await scene.ended(wechat.fetchAccessToken())
      expect(scene.accepts(value ?? '')).toBe(true)
      await scene.pass(60)
    }
    expect(scene.fetches).toBeLessThanOrEqual(420)
  })

  it('do not lose the count of versions when a save is held up', async () => {
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    const hold = holdFirstSave('access_token')
    const slow = one.fetchAccessToken()
    await until(hold.reached)
    await two.fetchAccessToken()
    hold.release()
    await slow
    await expectBothAlive(one, two)
    expect(scene.fetches).toBe(3)
  })

  it('trust no stored record, be it newer by several versions, when the slower one fetched last', async () => {
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    // The first program has read the store, and has not asked WeChat yet.
    const hold = holdFirstSave('fetches')
    const slow = one.fetchAccessToken()
    await until(hold.reached)
    await two.fetchAccessToken()
    await two.updateAccessToken()
    hold.release()
    await slow
    await expectBothAlive(one, two)
    expect(scene.fetches).toBe(4)
  })

  it.each([
    ['has its answer, and stands still before it saves, takes what the other one fetched after it', 'access_token'],
    [
      'has not asked WeChat yet, and stands still, puts what it then fetches over what the other one fetched',
      'fetches',
    ],
  ])('do with two fetches when the one that %s', async (_how, record) => {
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    const hold = holdFirstSave(record)
    const slow = one.fetchAccessToken()
    await until(hold.reached)
    await scene.clock.advance(2000)
    await two.fetchAccessToken()
    await scene.clock.advance(2000)
    hold.release()
    const newest = await slow
    expect(newest).toBe(scene.sandbox.tokens.current(account.appID, 'token')?.access_token)
    await scene.settled()
    expect(await two.fetchAccessToken()).toBe(newest)
    expect(storage.records.get('access_token')).toMatchObject({ access_token: newest })
    await expectBothAlive(one, two)
    expect(scene.fetches).toBe(2)
  })

  it('do with two fetches when the first one could not be saved until the other one had saved', async () => {
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    storage.beforeSave = async (name) => {
      if (name === 'access_token') throw new Error('the disk is full')
    }
    const first = await one.fetchAccessToken()
    storage.beforeSave = () => Promise.resolve()
    await scene.clock.advance(3000)
    const second = await two.fetchAccessToken()
    expect(second).not.toBe(first)
    await scene.pass(10)
    expect(await one.fetchAccessToken()).toBe(second)
    await expectBothAlive(one, two)
    expect(scene.fetches).toBe(2)
  })

  it('need not decide what a third one has decided', async () => {
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    const slow = await leaveUndecided(one, two)
    const before = scene.fetches
    const decided = await two.updateAccessToken()
    await scene.pass(60)
    expect(slow).toMatchObject({ took: expect.any(Number), error: undefined })
    expect(await one.fetchAccessToken()).toBe(decided)
    await expectBothAlive(one, two)
    expect(scene.fetches).toBe(before + 1)
  })

  const seed = newSeed()

  it(`for a day, with refreshes by hand and slow answers, always give out living tokens, seed ${seed}`, async () => {
    const random = seeded(seed)
    const wechats = [0, 1, 2].map(() => scene.wechat({ storage: storage.view(), random }))
    for (let time = 0; time < 150; time += 1) {
      if (random() < 0.5) scene.sandbox.faults.add({ kind: 'slow', ms: Math.floor(random() * 20), times: 1 })
      const work = wechats.map((wechat) => {
        const kind = random()
        if (kind < 0.15) return wechat.updateAccessToken()
        return kind < 0.3 ? wechat.rejectAccessToken('an-old-one') : wechat.fetchAccessToken()
      })
      for (const promise of work) scene.watch(promise)
      await scene.pass(10)
      for (const wechat of wechats) {
        const { value } = await scene.ended(wechat.fetchAccessToken())
        expect(scene.accepts(value ?? '')).toBe(true)
      }
      await scene.pass(random() * 1150)
    }
    expect(scene.happened('died-early')).toEqual([])
  })
})

it("a save that was done and seemed to fail is no other program's, and costs no fetch", async () => {
  const view = storage.view()
  let failures = 1
  const wechat = scene.wechat({
    storage: {
      ...view,
      save: async (name, record) => {
        const kept = await view.save(name, record)
        if (name === 'access_token' && failures > 0) {
          failures -= 1
          throw new Error('the answer was lost')
        }
        return kept
      },
    },
  })
  const first = await wechat.fetchAccessToken()
  expect(scene.happened('save-failed')).toHaveLength(1)
  await scene.pass(60)
  expect(await wechat.fetchAccessToken()).toBe(first)
  expect(scene.fetches).toBe(1)
})

describe('a request that left when the lock was over', () => {
  /** The lease ends between the last look at it and the departure of the first request. */
  function endingLease(): Storage {
    let looks = 0
    const remaining = () => {
      looks += 1
      return looks === 3 || looks === 4 ? -1 : 6000
    }
    return { ...storage.view(), lock: (_name, work) => work({ remaining }) }
  }

  it('and got no answer is made up for by one more fetch', async () => {
    const [one, two] = [scene.wechat({ storage: endingLease() }), scene.wechat({ storage: storage.view() })]
    await two.fetchAccessToken()
    await scene.clock.advance(7_000_000)
    scene.sandbox.faults.add({ kind: 'truncate', path: '/cgi-bin/token', times: 1 })
    const late = await scene.ended(one.updateAccessToken())
    expect(late.error).toMatchObject({ code: 'UPSTREAM_UNREACHABLE' })
    const before = scene.fetches
    await two.updateAccessToken()
    await scene.pass(30)
    expect(scene.fetches).toBe(before + 2)
    await expectBothAlive(one, two)
  })

  it('and was refused by WeChat needs none', async () => {
    const [one, two] = [scene.wechat({ storage: endingLease() }), scene.wechat({ storage: storage.view() })]
    await two.fetchAccessToken()
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 45011, path: '/cgi-bin/token', times: 1 })
    expect((await scene.ended(one.updateAccessToken())).error).toMatchObject({ errcode: 45011 })
    const before = scene.fetches
    await scene.pass(60)
    await expectBothAlive(one, two)
    expect(scene.fetches).toBe(before)
  })
})

describe('a token that was refused is not given out again when it settles whose fetch was the last', () => {
  it('while a refresh waits for the lock', async () => {
    let unlocked = Promise.resolve()
    const view = storage.view()
    const one = scene.wechat({
      storage: {
        ...view,
        lock: async (_name, work) => {
          await unlocked
          return work(endlessLease)
        },
      },
    })
    const two = scene.wechat({ storage: storage.view() })
    const slow = await leaveUndecided(one, two)
    let unlock: () => void = () => undefined
    unlocked = new Promise((resolve) => {
      unlock = resolve
    })
    const decided = await two.updateAccessToken()
    await until(() => slow.took !== undefined)
    scene.steal()
    const rejecting = one.rejectAccessToken(decided)
    await until(() => scene.happened('died-early').length > 0)
    unlock()
    expect(scene.accepts(await rejecting)).toBe(true)
  })

  it('while what was fetched before it is saved at last', async () => {
    const view = storage.view()
    let isFull = true
    const one = scene.wechat({
      storage: {
        ...view,
        watch: () => () => undefined,
        save: async (name, record) => {
          if (isFull && name === 'access_token') throw new Error('the disk is full')
          return view.save(name, record)
        },
      },
    })
    const two = scene.wechat({ storage: storage.view() })
    const first = await one.fetchAccessToken()
    await scene.clock.advance(1500)
    await two.fetchAccessToken()
    await scene.clock.advance(1500)
    const refused = await two.updateAccessToken()
    await scene.settled()
    await one.rejectAccessToken(first)
    expect(await one.fetchAccessToken()).toBe(refused)
    scene.sandbox.faults.add({ kind: 'status', path: '/cgi-bin/token' })
    scene.steal()
    expect((await scene.ended(one.rejectAccessToken(refused))).error).toBeDefined()
    isFull = false
    for (let second = 0; second < 90; second += 1) {
      await scene.pass(1)
      const asked = scene.watch(one.fetchAccessToken())
      await scene.settled()
      expect(asked.value).toBeUndefined()
    }
  })
})
