import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { RedisCredentials } from '../../src/stores/redis/credentials.js'
import type { Storage } from '../../src/wechat/storage.js'
import { Child } from '../support/child.js'
import type { RedisChildCommands } from '../support/redis-child.js'
import { closeConnections, connectTo, freshPrefix } from '../support/redis-connections.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { newSeed, seeded } from '../support/seeded.js'
import { until } from '../support/until.js'

const name = 'access_token'
const seed = newSeed()

describeWithRedis('credentials in Redis', () => {
  let server: RedisServer
  let prefix: string
  let storage: Required<Storage>
  let other: Required<Storage>
  let key: string

  beforeAll(async () => {
    server = await RedisServer.start()
  })

  beforeEach(async () => {
    prefix = freshPrefix()
    key = `${prefix}{wx1}:credential:${name}`
    storage = await account()
    other = await account()
  })

  afterEach(closeConnections)

  afterAll(async () => {
    await Child.killAll()
    await RedisServer.stopAll()
  })

  /** As a process of its own has it. */
  async function account(): Promise<Required<Storage>> {
    const { connection } = await connectTo(server.url, prefix)
    return new RedisCredentials(connection).account('wx1') as Required<Storage>
  }

  const put = (value: string) => server.command('SET', key, value)

  it('are there for every process, for 30 days from their last save', async () => {
    expect(await storage.read(name)).toBeUndefined()
    expect(await storage.save(name, { version: 1, token: '中' })).toBe(true)
    expect(await other.read(name)).toBe('{"version":1,"token":"中"}')
    expect(await server.command('GET', key)).toBe('{"version":1,"token":"中"}')
    const days = Number(await server.command('PTTL', key)) / 86_400_000
    expect(days).toBeGreaterThan(29)
    expect(days).toBeLessThanOrEqual(30)
  })

  it('are of an account with a plain ID', async () => {
    const { connection } = await connectTo(server.url, prefix)
    const credentials = new RedisCredentials(connection)
    for (const appID of ['', 'a/b', 'a{b}', 'a b', 'x'.repeat(65)]) {
      expect(() => credentials.account(appID)).toThrow(TypeError)
    }
  })

  it(`keep the highest of 100 versions that are saved in any order (seed ${seed})`, async () => {
    const random = seeded(seed)
    const versions = Array.from({ length: 100 }, (_, index) => ({ version: index + 1, order: random() }))
    versions.sort((one, another) => one.order - another.order)
    const saved = await Promise.all(
      versions.map(({ version }, index) => (index % 2 === 0 ? storage : other).save(name, { version })),
    )
    expect(await storage.read(name)).toBe('{"version":100}')
    expect(saved[versions.findIndex(({ version }) => version === 100)]).toBe(true)
    for (const version of [1, 99, 100]) expect(await other.save(name, { version, late: true })).toBe(false)
    expect(await storage.read(name)).toBe('{"version":100}')
    expect(await other.save(name, { version: 101 })).toBe(true)
  })

  it('tell versions apart that are times in ms', async () => {
    const version = Date.UTC(2026, 0, 1)
    expect(await storage.save(name, { version })).toBe(true)
    expect(await storage.save(name, { version })).toBe(false)
    expect(await storage.save(name, { version: version - 1 })).toBe(false)
    expect(await storage.save(name, { version: version + 1 })).toBe(true)
  })

  it.each([
    ['nothing', ''],
    ['a text', 'garbage'],
    ['half a record', '{"version":9'],
    ['a number', '9'],
    ['null', 'null'],
    ['a list', '[9]'],
    ['a text for a version', '{"version":"9"}'],
    ['infinity as text', '{"version":"inf"}'],
    ['an endless number', '{"version":1e999}'],
    ['a number beyond all versions', '{"version":1e300}'],
    ['no whole number', '{"version":9.5}'],
    ['no version', '{"token":"a"}'],
    ['a deep list', '['.repeat(5000)],
  ])('replace %s', async (_what, garbage) => {
    await put(garbage)
    expect(await storage.save(name, { version: 1 })).toBe(true)
    expect(await storage.read(name)).toBe('{"version":1}')
  })

  it('replace what is no text at all', async () => {
    await server.command('RPUSH', key, 'a')
    expect(await storage.save(name, { version: 1 })).toBe(true)
    expect(await storage.read(name)).toBe('{"version":1}')
  })

  it('are set aside only while they are what was read', async () => {
    expect(await storage.setAside(name)).toBeUndefined()
    await put('garbage')
    expect(await storage.setAside(name)).toBeUndefined()
    await storage.read(name)
    await put('other garbage')
    expect(await storage.setAside(name)).toBeUndefined()
    expect(await storage.read(name)).toBe('other garbage')
    const where = await storage.setAside(name)
    expect(where).toMatch(/:credential:access_token\.broken-/)
    expect(await server.command('GET', String(where))).toBe('other garbage')
    expect(Number(await server.command('PTTL', String(where)))).toBeGreaterThan(29 * 86_400_000)
    expect(await storage.read(name)).toBeUndefined()
    expect(await storage.setAside(name)).toBeUndefined()
  })

  it("begin, where none are, with a version that is Redis's time", async () => {
    const [seconds] = (await server.command('TIME')) as string[]
    const version = await storage.firstVersion()
    expect(Number.isSafeInteger(version)).toBe(true)
    expect(version / 1000).toBeGreaterThanOrEqual(Number(seconds))
    expect(version / 1000).toBeLessThan(Number(seconds) + 60)
  })

  it('are locked for one process at a time', async () => {
    let inside = 0
    let most = 0
    const work = async () => {
      inside += 1
      most = Math.max(most, inside)
      await storage.read('other')
      inside -= 1
    }
    await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 ? storage : other).lock(name, work)))
    expect(most).toBe(1)
  })

  /** Watches in this process; the times at which it was told of a change, in ms. */
  async function watched(): Promise<{ read: () => string | undefined; stop: () => void; told: () => number }> {
    let text = await other.read(name)
    let told = 0
    const stop = other.watch(name, () => {
      told += 1
      void other.read(name).then((found) => {
        text = found === undefined ? undefined : String(found)
      })
    })
    return { read: () => text as string | undefined, stop, told: () => told }
  }

  /** Generous for a busy machine: the watch itself takes half a second at most. */
  const within = { timeout: 5_000, interval: 5 }

  it('tell another process of a save', async () => {
    const child = await Child.start<RedisChildCommands>('redis-child', { url: server.url, prefix })
    await child.ask('watch', name)
    for (let version = 1; version <= 5; version += 1) {
      const news = child.news('changed')
      await storage.save(name, { version })
      expect(await news).toBe(`{"version":${version}}`)
    }
    await child.kill()
  })

  it('tell nobody twice, of nothing, or after the end of the watch', async () => {
    const { told, stop } = await watched()
    await storage.save(name, { version: 1 })
    await vi.waitFor(() => expect(told()).toBe(1), within)
    await storage.save('other', { version: 1 })
    await storage.save(name, { version: 1 })
    const begun = performance.now()
    await until(() => performance.now() - begun > 1_200)
    expect(told()).toBe(1)
    stop()
    await storage.save(name, { version: 2 })
    await until(() => performance.now() - begun > 2_000)
    expect(told()).toBe(1)
  })

  it('tell of a save though what is published is cut off all the time', async () => {
    const { read } = await watched()
    let cutting = true
    const cut = (async () => {
      while (cutting) await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    })()
    for (let version = 1; version <= 3; version += 1) {
      await storage.save(name, { version })
      await vi.waitFor(() => expect(read()).toBe(`{"version":${version}}`), within)
    }
    cutting = false
    await cut
  })

  it('are heard of again by what is published, after that was cut off', async () => {
    const { connection } = await connectTo(server.url, prefix)
    const heard: string[] = []
    connection.onNews((news) => heard.push(news))
    for (let version = 1; version <= 3; version += 1) {
      await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await vi.waitFor(async () => {
        heard.length = 0
        await storage.save(name, { version: Date.now() })
        await vi.waitFor(() => expect(heard).toEqual([`saved ${key}`]), { timeout: 300 })
      }, within)
    }
  })

  it('tell that Redis has lost them', async () => {
    await storage.save(name, { version: 5 })
    const { read } = await watched()
    await server.command('FLUSHALL')
    await vi.waitFor(() => expect(read()).toBeUndefined(), within)
    expect(await storage.save(name, { version: 1 })).toBe(true)
    await vi.waitFor(() => expect(read()).toBe('{"version":1}'), within)
    await server.kill()
    await server.restart()
    await vi.waitFor(() => expect(read()).toBeUndefined(), within)
    await vi.waitFor(async () => expect(await storage.save(name, { version: 2 })).toBe(true), within)
    await vi.waitFor(() => expect(read()).toBe('{"version":2}'), within)
  })

  it('are neither read nor begun while Redis is away', async () => {
    const { events, connection } = await connectTo(server.url)
    const away = new RedisCredentials(connection).account('wx1') as Required<Storage>
    await server.kill()
    await until(() => events.length > 0)
    const refusal = { name: 'WechatError', code: 'STORE_AWAY', kind: 'transient' }
    await expect(away.read(name)).rejects.toMatchObject(refusal)
    await expect(away.firstVersion()).rejects.toMatchObject(refusal)
    await expect(away.lock(name, async () => 'done')).rejects.toMatchObject(refusal)
    await expect(away.save(name, { version: 1 })).rejects.toMatchObject({ name: 'StoreError', code: 'STORE_AWAY' })
    await server.restart()
  })
})
