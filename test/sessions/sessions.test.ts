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

  it('of a user are twenty at most, however fast they are renewed', async () => {
    const { session: stays } = await sessions.create(appID, login)
    let { session } = await sessions.create(appID, login)
    for (let i = 0; i < 50; i += 1) session = (await sessions.renew(appID, session))?.session ?? ''
    expect(await store.list({ prefix: 's/', limit: 100 })).toHaveLength(20)
    expect(await sessions.find(appID, session)).toBeDefined()
    expect(await sessions.find(appID, stays)).toBeDefined()
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
    const stored = (await store.list({ prefix: 's/', limit: 1000 })).map(({ key }) => key.slice(2))
    expect(living.filter((hash) => hash !== undefined).sort()).toEqual(stored.sort())
    await sessions.endAll(appID, 'oOne')
    expect(await store.list({ prefix: 's/', limit: 1000 })).toEqual([])
  })
})
