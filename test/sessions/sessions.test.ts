import { beforeEach, describe, expect, it } from 'vitest'
import { Sessions } from '../../src/sessions/sessions.js'
import { memoryStore } from '../../src/stores/level.js'
import type { KeyValueStore } from '../../src/stores/store.js'
import { MovableClock } from '../support/movable-clock.js'
import { newSeed, seeded } from '../support/seeded.js'

const seed = newSeed()
const [appID, other] = ['wx0000000000000001', 'wx0000000000000002']
const login = { openid: 'oOne', session_key: 'AAAAAAAAAAAAAAAAAAAAAA==' }

let clock: MovableClock
let store: KeyValueStore
let sessions: Sessions

beforeEach(async () => {
  clock = new MovableClock()
  store = await memoryStore({ clock })
  const keys = { seal: async (text: string, about: string) => about + text, open: (sealed: string) => sealed }
  sessions = new Sessions({ store, keys, clock, lives: { ttl: 1800, maxLife: 86_400, grace: 60 } })
})

describe('sessions', () => {
  it('are worth nothing under another account, whose users are apart', async () => {
    const { session } = await sessions.create(appID, login)
    expect(await sessions.find(appID, session)).toMatchObject({ openid: 'oOne' })
    expect(await sessions.find(other, session)).toBeUndefined()
    expect(await sessions.renew(other, session)).toBeUndefined()
    expect(await sessions.end(other, session)).toBe(false)
    expect(await sessions.endAll(other, 'oOne')).toBeUndefined()
    expect(await sessions.create(other, login)).toMatchObject({ newUser: true })
    expect(await sessions.find(appID, session)).toMatchObject({ openid: 'oOne' })
  })

  it('leave nothing in the store when they are ended and the user is forgotten', async () => {
    const { session } = await sessions.create(appID, login)
    await sessions.renew(appID, session)
    await sessions.create(appID, login)
    await sessions.forget(appID, 'oOne')
    expect(await store.list({ prefix: '', limit: 10 })).toEqual([])
  })

  it('lie with all of their account', async () => {
    const { session } = await sessions.create(appID, login)
    await sessions.renew(appID, session)
    await sessions.create(other, login)
    const counts = [appID, other].map(
      async (account) => (await store.list({ prefix: `s/${account}/`, limit: 9 })).length,
    )
    expect(await Promise.all(counts)).toEqual([2, 1])
    expect(await store.list({ prefix: 's/', limit: 9 })).toHaveLength(3)
  })

  it('of a user are twenty at most, and as many in their grace, however fast they are renewed', async () => {
    const { session: stays } = await sessions.create(appID, login)
    let { session } = await sessions.create(appID, login)
    for (let i = 0; i < 50; i += 1) session = (await sessions.renew(appID, session))?.session ?? ''
    expect(await store.list({ prefix: 's/', limit: 100 })).toHaveLength(22)
    expect(await sessions.find(appID, session)).toBeDefined()
    expect(await sessions.find(appID, stays)).toBeDefined()
  })

  it('of a user who has twenty are renewed with their grace, and without the end of another one', async () => {
    const all: string[] = []
    for (let i = 0; i < 20; i += 1) all.push((await sessions.create(appID, login)).session)
    for (const session of [...all]) {
      all.push((await sessions.renew(appID, session))?.session ?? '')
      expect(await sessions.find(appID, session)).toBeDefined()
    }
    const living = await Promise.all(all.map((session) => sessions.find(appID, session)))
    expect(living.filter((found) => found !== undefined)).toHaveLength(40)
    expect(await sessions.user(appID, 'oOne')).toMatchObject({ sessions: 20 })
  })

  it('that have ended do not live again when the clock is set back, and their user was forgotten', async () => {
    const { session } = await sessions.create(appID, login)
    clock.jump(2_000_000)
    await sessions.create(appID, login)
    clock.jump(-2_000_000)
    expect(await sessions.find(appID, session)).toBeUndefined()
    await sessions.forget(appID, 'oOne')
    expect(await store.list({ prefix: '', limit: 10 })).toEqual([])
  })

  it.each(['renew', 'end'] as const)('that have ended do not live again behind another one: %s', async (how) => {
    const { session } = await sessions.create(appID, login)
    await clock.advance(1_000_000)
    const { session: later } = await sessions.create(appID, login)
    clock.jump(900_000)
    await sessions[how](appID, later)
    clock.jump(-900_000)
    await sessions.forget(appID, 'oOne')
    expect(await sessions.find(appID, session)).toBeUndefined()
    expect(await store.list({ prefix: '', limit: 10 })).toEqual([])
  })

  it('are not renewed for less than a second', async () => {
    const start = clock.now()
    const { session: first } = await sessions.create(appID, login)
    let session = first
    const goTo = (ms: number) => clock.advance(start + ms - clock.now())
    for (let at = 1_700_000; at < 86_399_000; at += 1_700_000) {
      await goTo(at)
      session = (await sessions.renew(appID, session))?.session ?? ''
    }
    await goTo(86_399_000)
    const last = await sessions.renew(appID, session)
    expect(last?.expiresAt).toBe(start + 86_400_000)
    await clock.advance(1)
    const before = await store.list({ prefix: '', limit: 10 })
    expect(await sessions.renew(appID, last?.session ?? '')).toBeUndefined()
    expect(await sessions.renew(appID, session)).toBeUndefined()
    expect(await store.list({ prefix: '', limit: 10 })).toEqual(before)
    expect(await sessions.find(appID, last?.session ?? '')).toBeDefined()
  })

  it(`that are renewed, ended and begun at once leave the user's record true (seed ${seed})`, async () => {
    const random = seeded(seed)
    const given = await Promise.all(Array.from({ length: 8 }, () => sessions.create(appID, login)))
    const all = new Set(given.map(({ session }) => session))
    for (let round = 0; round < 20; round += 1) {
      const each = [...all].filter(() => random() < 0.5)
      const steps = each.map(async (session) => {
        if (random() < 0.2) return void (await sessions.end(appID, session))
        const renewed = await sessions.renew(appID, session)
        if (renewed !== undefined) all.add(renewed.session)
      })
      if (random() < 0.3) steps.push(sessions.create(appID, login).then(({ session }) => void all.add(session)))
      await Promise.all(steps)
      await clock.advance(Math.floor(30_000 * random()))
    }
    const living = await Promise.all([...all].map(async (session) => (await sessions.find(appID, session))?.hash))
    const stored = (await store.list({ prefix: 's/', limit: 1000 })).map(({ key }) => key.slice(`s/${appID}/`.length))
    expect(living.filter((hash) => hash !== undefined).sort()).toEqual(stored.sort())
    await sessions.endAll(appID, 'oOne')
    expect(await store.list({ prefix: 's/', limit: 1000 })).toEqual([])
  })
})
