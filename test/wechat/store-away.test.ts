import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CredentialUnavailable, WechatError } from '../../src/wechat/errors.js'
import { endlessLease, type Storage } from '../../src/wechat/storage.js'
import { Scene } from '../support/scene.js'
import { UnlockedStorage } from '../support/unlocked-storage.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

/** A store that several programs share, and that can be away: then nothing may be done without it. */
class SharedStorage {
  readonly #storage = new UnlockedStorage()
  readonly #watchers = new Set<(event?: 'back') => void>()
  readonly #turns = new Map<string, Promise<unknown>>()
  #away = false
  #full = false
  /** Told of each read; for the one that shall fail. */
  beforeRead: () => void = () => undefined
  beforeSave: () => void = () => undefined

  view(): Storage {
    const view = this.#storage.view()
    const present = <T>(work: () => Promise<T>): Promise<T> => {
      return this.#away ? away() : work()
    }
    return {
      read: (name) => {
        this.beforeRead()
        return present(() => view.read(name))
      },
      save: (name, record) => {
        if (name === 'access_token') this.beforeSave()
        return present(() => view.save(name, record))
      },
      lock: (name, work) => (this.#full ? away() : present(() => this.#inTurn(name, () => work(endlessLease)))),
      watch: (name, changed) => {
        this.#watchers.add(changed)
        const unwatch = view.watch?.(name, changed)
        return () => {
          this.#watchers.delete(changed)
          unwatch?.()
        }
      },
    }
  }

  #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(work)
    this.#turns.set(
      name,
      turn.catch(() => undefined),
    )
    return turn
  }

  /** It still reads. */
  fill(): void {
    this.#full = true
  }

  leave(): void {
    this.#away = true
  }

  /** Answers what tells the program that has watched the longest of it: that one has not noticed yet. */
  return({ unnoticed = false } = {}): () => void {
    this.#away = false
    const [first, ...others] = this.#watchers
    for (const changed of others) changed('back')
    const tellFirst = () => first?.('back')
    if (!unnoticed) tellFirst()
    return tellFirst
  }

  lose(): void {
    this.#storage.records.clear()
  }

  stored(): unknown {
    return this.#storage.records.get('access_token')?.['access_token']
  }
}

function away(): Promise<never> {
  return Promise.reject(new WechatError('STORE_AWAY', 'the store does not answer', { kind: 'transient' }))
}

describe('a store that is away', () => {
  it('leaves the token to be given out to its end, and nobody fetches past the others', async () => {
    const storage = new SharedStorage()
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    const token = await one.fetchAccessToken()
    expect(await two.fetchAccessToken()).toBe(token)
    storage.leave()
    await scene.pass(7170)
    expect(await one.fetchAccessToken()).toBe(token)
    expect(await two.fetchAccessToken()).toBe(token)
    expect(scene.fetches).toBe(1)
    await scene.pass(30)
    const { error } = await scene.ended(one.fetchAccessToken())
    expect(error).toBeInstanceOf(CredentialUnavailable)
    expect(error).toMatchObject({ kind: 'transient', cause: { code: 'STORE_AWAY' } })
    expect(scene.fetches).toBe(1)
  })

  it('and is back: one of them fetches, at once, and the others take what it fetched', async () => {
    const storage = new SharedStorage()
    const wechats = [1, 2, 3].map(() => scene.wechat({ storage: storage.view() }))
    for (const wechat of wechats) await wechat.fetchAccessToken()
    storage.leave()
    await scene.pass(7300)
    storage.return()
    await scene.pass(2)
    const tokens = await Promise.all(wechats.map((wechat) => wechat.fetchAccessToken()))
    expect(new Set(tokens).size).toBe(1)
    expect(tokens.every((token) => scene.accepts(token))).toBe(true)
    expect(scene.fetches).toBe(2)
  })

  it('during a fetch: what was fetched is stored before anybody else fetches', async () => {
    const storage = new SharedStorage()
    const [one, two] = [scene.wechat({ storage: storage.view() }), scene.wechat({ storage: storage.view() })]
    for (const wechat of [one, two]) await wechat.fetchAccessToken()
    storage.beforeSave = () => {
      storage.beforeSave = () => undefined
      storage.leave()
    }
    await scene.pass(6915)
    const token = await one.fetchAccessToken()
    expect(await two.fetchAccessToken()).not.toBe(token)
    const tellFirst = storage.return({ unnoticed: true })
    await scene.pass(0.8)
    tellFirst()
    await scene.pass(3)
    expect([await two.fetchAccessToken(), storage.stored()]).toEqual([token, token])
    expect(scene.fetches).toBe(2)
  })

  it('only for writes, as a full one: tries come ever less often, though it can be read', async () => {
    const storage = new SharedStorage()
    const wechat = scene.wechat({ storage: storage.view() })
    const token = await wechat.fetchAccessToken()
    await scene.pass(6900)
    storage.fill()
    await scene.pass(240)
    expect(await wechat.fetchAccessToken()).toBe(token)
    const tries = scene.happened('refresh-failed').length
    expect(tries).toBeGreaterThan(3)
    expect(tries).toBeLessThan(12)
  })

  it('between the lock and the look fails the refresh: what is stored might be newer', async () => {
    const storage = new SharedStorage()
    const wechat = scene.wechat({ storage: storage.view() })
    const token = await wechat.fetchAccessToken()
    await scene.pass(6000)
    storage.beforeRead = () => storage.leave()
    await scene.pass(1000)
    expect(scene.happened('refresh-failed')[0]).toMatchObject({ cause: 'ahead', error: { code: 'STORE_AWAY' } })
    expect(await wechat.fetchAccessToken()).toBe(token)
    expect(scene.fetches).toBe(1)
  })
})

it('a store that lost everything is given the token again, without a fetch', async () => {
  const storage = new SharedStorage()
  const wechat = scene.wechat({ storage: storage.view() })
  const token = await wechat.fetchAccessToken()
  storage.leave()
  storage.lose()
  storage.return()
  await expect.poll(() => storage.stored()).toBe(token)
  expect(await scene.wechat({ storage: storage.view() }).fetchAccessToken()).toBe(token)
  expect(scene.fetches).toBe(1)
})
