import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WechatError } from '../../src/wechat/errors.js'
import { endlessLease, memoryStorage, type Storage } from '../../src/wechat/storage.js'
import { Scene } from '../support/scene.js'
import { UnlockedStorage } from '../support/unlocked-storage.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

const diskFull = new Error('disk full')

describe('a store that fails', () => {
  it('to save loses nothing: the token is served from memory and saved later', async () => {
    const storage = new UnlockedStorage()
    storage.beforeSave = () => Promise.reject(diskFull)
    const wechat = scene.wechat({ storage: storage.view() })
    const first = await wechat.fetchAccessToken()
    await scene.pass(3600)
    expect(await wechat.fetchAccessToken()).toBe(first)
    expect(scene.happened('save-failed')[0]).toMatchObject({ type: 'save-failed', error: diskFull })
    expect(storage.records.get('access_token')).toBeUndefined()
    storage.beforeSave = () => Promise.resolve()
    await scene.pass(5)
    expect(storage.records.get('access_token')).toMatchObject({ access_token: first, version: 1 })
    expect(scene.fetches).toBe(1)
  })

  it('to save makes up for it when the program closes', async () => {
    const storage = new UnlockedStorage()
    storage.beforeSave = () => Promise.reject(diskFull)
    const wechat = scene.wechat({ storage: storage.view() })
    const first = await wechat.fetchAccessToken()
    storage.beforeSave = () => Promise.resolve()
    await wechat.close()
    expect(storage.records.get('access_token')).toMatchObject({ access_token: first })
  })

  it('to save while another program fetched leaves both with a living token', async () => {
    const storage = new UnlockedStorage()
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    storage.beforeSave = () => Promise.reject(diskFull)
    await one.fetchAccessToken()
    storage.beforeSave = () => Promise.resolve()
    await two.fetchAccessToken()
    await scene.pass(310)
    for (const wechat of [one, two]) expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
  })

  it('to read does not stop the token', async () => {
    const storage: Storage = { ...memoryStorage(), read: () => Promise.reject(diskFull) }
    const wechat = scene.wechat({ storage })
    const first = await wechat.fetchAccessToken()
    expect(scene.accepts(first)).toBe(true)
    expect(scene.happened('read-failed')[0]).toMatchObject({ type: 'read-failed', error: diskFull })
    scene.steal()
    expect(scene.accepts(await wechat.rejectAccessToken(first))).toBe(true)
    await scene.pass(86_400)
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
  })

  it('to lock does not stop the token', async () => {
    const storage: Storage = { ...memoryStorage(), lock: () => Promise.reject(diskFull) }
    const wechat = scene.wechat({ storage })
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
    expect(scene.happened('lock-failed')).toMatchObject([{ type: 'lock-failed', error: diskFull }])
    await scene.pass(86_400)
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
    expect(scene.fetches).toBe(13)
  })

  it('to unlock fails no refresh', async () => {
    const storage: Storage = {
      ...memoryStorage(),
      lock: async (_name, work) => {
        await work({ remaining: () => 10_000 })
        throw diskFull
      },
    }
    const wechat = scene.wechat({ storage })
    expect(await wechat.updateAccessToken()).toBe(await wechat.fetchAccessToken())
    expect(wechat.accessToken.state.failure).toBeUndefined()
    expect(scene.happened('lock-failed')).toMatchObject([{ type: 'lock-failed', error: diskFull }])
    expect(scene.fetches).toBe(1)
  })

  it('to give the lock because another holds it makes callers wait, 8 s at most', async () => {
    const busy = new WechatError('LOCK_BUSY', 'another process holds the lock', { kind: 'transient' })
    const storage: Storage = { ...memoryStorage(), lock: () => Promise.reject(busy) }
    const { error, took } = await scene.ended(scene.wechat({ storage }).fetchAccessToken())
    expect(error).toMatchObject({ code: 'UNAVAILABLE', kind: 'transient', cause: busy })
    expect(took).toBeLessThanOrEqual(8000)
    expect(scene.fetches).toBe(0)
  })

  it('to answer a request for the lock at all makes callers wait 8 s', async () => {
    let release: () => void = () => undefined
    const free = new Promise<void>((resolve) => {
      release = resolve
    })
    const storage: Storage = { ...memoryStorage(), lock: (_name, work) => free.then(() => work(endlessLease)) }
    const asked = scene.watch(scene.wechat({ storage }).fetchAccessToken())
    await scene.clock.advance(8000)
    await scene.clock.advance(0)
    expect(asked).toMatchObject({ took: 8000, error: { code: 'UNAVAILABLE', retryAfter: 1 } })
    release()
  })

  it('is no reason to fetch past the lease of its lock', async () => {
    const storage: Storage = { ...memoryStorage(), lock: (_name, work) => work({ remaining: () => 550 }) }
    const wechat = scene.wechat({ storage, timeout: 60_000 })
    scene.sandbox.faults.add({ kind: 'hang', path: '/cgi-bin/token', times: 1 })
    await expect(wechat.updateAccessToken()).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
  })
})
