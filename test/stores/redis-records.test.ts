import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisRecords } from '../../src/stores/redis/records.js'
import { openRedisStores, type RedisStores } from '../../src/stores/redis-stores.js'
import type { Entry } from '../../src/stores/store.js'
import { MovableClock } from '../support/movable-clock.js'
import { closeConnections, connectTo, freshPrefix } from '../support/redis-connections.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { until } from '../support/until.js'
import { describeKeyValueStore } from './key-value-contract.js'

describeWithRedis('records in Redis', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await RedisServer.start()
  })

  afterAll(async () => {
    await closeConnections()
    await RedisServer.stopAll()
  })

  describeKeyValueStore('Redis', async (clock) => {
    const { connection } = await connectTo(server.url)
    const store = new RedisRecords({ connection, clock, partOf: () => 'all', mayList: () => true })
    return { store, discard: () => connection.close() }
  })

  describe('of a hub', () => {
    let clock: MovableClock
    let prefix: string
    let stores: RedisStores
    let records: RedisRecords

    beforeEach(async () => {
      clock = new MovableClock()
      prefix = freshPrefix()
      stores = await openRedisStores({ url: server.url, prefix }, { clock, onEvent: () => undefined })
      records = stores.records
      return () => stores.close()
    })

    const number = async (...command: string[]) => Number(await server.command(...command))
    const indexed = async (part: string) => [
      await number('ZCARD', `${prefix}{${part}}:index`),
      await number('ZCARD', `${prefix}{${part}}:ends`),
    ]

    it('belong to the account in their keys', async () => {
      await records.write([{ put: { key: 'm/wx1/a', value: 'one' } }])
      await records.write([{ put: { key: 'm/wx2/a', value: 'two' } }])
      expect(await records.count('m/wx1/')).toBe(1)
      expect(await records.list({ prefix: 'm/wx2/', limit: 10 })).toEqual([{ key: 'm/wx2/a', value: 'two' }])
      expect(await server.command('EXISTS', `${prefix}{wx1}:r:m/wx1/a`)).toBe(1)
      for (const key of ['', 'm', 'm/wx1', 'm//a']) await expect(records.get(key)).rejects.toThrow(TypeError)
    })

    it.each(['s', 'u', 'once'])('are never listed nor indexed if they are of the kind "%s"', async (kind) => {
      await records.write([{ put: { key: `${kind}/wx1/a`, value: '' } }])
      expect(await records.putIfAbsent({ key: `${kind}/wx1/b`, value: '' })).toBeUndefined()
      await expect(records.list({ prefix: `${kind}/wx1/`, limit: 1 })).rejects.toThrow(TypeError)
      await expect(records.count(`${kind}/wx1/`)).rejects.toThrow(TypeError)
      expect(await records.get(`${kind}/wx1/a`)).toBe('')
      expect(await indexed('wx1')).toEqual([0, 0])
    })

    it('leave Redis by themselves, soon after their end, unless they are put to stay', async () => {
      const expiresAt = clock.now() + 60_000
      const life = (name: string) => number('PTTL', `${prefix}{wx1}:r:s/wx1/${name}`)
      await records.write([{ put: { key: 's/wx1/ends', value: '', expiresAt } }])
      await records.write([{ put: { key: 's/wx1/stays', value: '', expiresAt } }])
      await records.write([{ put: { key: 's/wx1/stays', value: '' } }])
      await records.write([{ put: { key: 's/wx1/ended', value: '', expiresAt: 0 } }])
      expect(await life('ends')).toBeGreaterThan(60_000)
      expect(await life('ends')).toBeLessThanOrEqual(90_000)
      expect(await life('stays')).toBe(-1)
      expect(await life('ended')).toBeLessThanOrEqual(30_000)
    })

    it('live by the clocks of the hubs, not by that of Redis', async () => {
      await records.write([{ put: { key: 'm/wx1/a', value: 'one', expiresAt: clock.now() + 1 } }])
      const written = performance.now()
      await until(() => performance.now() - written > 20)
      expect(await records.get('m/wx1/a')).toBe('one')
      clock.freeze(1)
      expect(await records.get('m/wx1/a')).toBeUndefined()
    })

    it('leave the index with their end: by further writes, a count, and a list that finds them gone', async () => {
      const put = (from: number, count: number) =>
        records.write(
          Array.from({ length: count }, (_, index) => {
            const key = `m/wx1/${String(from + index).padStart(4, '0')}`
            return { put: { key, value: '', expiresAt: clock.now() + 1000 } }
          }),
        )
      await put(0, 2500)
      expect(await indexed('wx1')).toEqual([2500, 2500])
      clock.freeze(1000)
      await put(3000, 1)
      expect(await indexed('wx1')).toEqual([2491, 2491])
      expect(await records.count('m/wx1/')).toBe(1)
      expect(await indexed('wx1')).toEqual([1, 1])
      await server.command('DEL', `${prefix}{wx1}:r:m/wx1/3000`)
      expect(await records.list({ prefix: 'm/wx1/', limit: 10 })).toEqual([])
      expect(await indexed('wx1')).toEqual([0, 0])
    })

    it('do not fill the index though more and more end', async () => {
      for (let round = 0; round < 100; round += 1) {
        const puts = Array.from({ length: 5 }, (_, index) => ({
          put: { key: `m/wx1/${round}/${index}`, value: '', expiresAt: clock.now() + 50 },
        }))
        await records.write(puts)
        clock.freeze(10)
      }
      const [index = 0] = await indexed('wx1')
      expect(index).toBeLessThan(50)
    })

    it('are listed in pieces that do not hold Redis up', async () => {
      const value = 'x'.repeat(300_000)
      const keys = Array.from({ length: 12 }, (_, index) => `m/wx1/${String(index).padStart(2, '0')}`)
      for (const key of keys) await records.write([{ put: { key, value } }])
      const pieces = async () => Number(/cmdstat_zrangebylex:calls=(\d+)/.exec(await stats())?.[1] ?? 0)
      const stats = async () => String(await server.command('INFO', 'commandstats'))
      const before = await pieces()
      expect((await records.list({ prefix: 'm/wx1/', limit: 100 })).map(({ key }) => key)).toEqual(keys)
      expect((await records.list({ prefix: 'm/wx1/', limit: 5 })).map(({ key }) => key)).toEqual(keys.slice(0, 5))
      expect((await pieces()) - before).toBeGreaterThanOrEqual(4)
    })

    it('are all given for moving over, once each, while others write', async () => {
      const odd = 's/wx1/*[a-z]?\\^{x}'
      const expected = new Map<string, Entry>()
      const puts = Array.from({ length: 3000 }, (_, index): Entry => {
        const key = `s/wx1/${randomUUID()}`
        return index % 2 === 0 ? { key, value: `${index}` } : { key, value: `${index}`, expiresAt: clock.now() + 1000 }
      })
      puts.push({ key: odd, value: 'odd' })
      for (const entry of puts) expected.set(entry.key, entry)
      await records.write([...puts, { key: 's/wx1/ended', value: '', expiresAt: clock.now() }].map((put) => ({ put })))
      await records.write([{ put: { key: 's/wx10/other', value: '' } }])
      await records.write([{ put: { key: 'u/wx1/other', value: '' } }])
      const found: Entry[] = []
      for await (const entry of records.all('wx1', 's')) {
        found.push(entry)
        // Redis's table grows meanwhile.
        if (found.length % 100 === 0) {
          const more = Array.from({ length: 200 }, () => ({ put: { key: `s/wx1/new${randomUUID()}`, value: '' } }))
          await records.write(more)
        }
      }
      const keys = found.map(({ key }) => key)
      expect(new Set(keys).size).toBe(keys.length)
      const old = found.filter(({ key }) => !key.startsWith('s/wx1/new'))
      expect(new Map(old.map((entry) => [entry.key, entry]))).toEqual(expected)
    })

    it('are all given whatever keys begin with', async () => {
      const options = { clock, onEvent: () => undefined }
      const odd = await openRedisStores({ url: server.url, prefix: `${prefix}[a-z]*?\\^` }, options)
      await odd.records.write([{ put: { key: 's/wx1/a', value: 'one' } }])
      const found: Entry[] = []
      for await (const entry of odd.records.all('wx1', 's')) found.push(entry)
      expect(found).toEqual([{ key: 's/wx1/a', value: 'one' }])
      await odd.close()
    })

    it('are not given any more once the store is closed', async () => {
      await records.write([{ put: { key: 's/wx1/a', value: '' } }])
      await records.close()
      await expect(records.all('wx1', 's').next()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    })
  })
})
