import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { RedisConnection } from '../../src/stores/redis/connection.js'
import { RedisCredentials } from '../../src/stores/redis/credentials.js'
import { RedisRecords } from '../../src/stores/redis/records.js'
import { slotOf } from '../../src/stores/redis/slot.js'
import type { Storage } from '../../src/wechat/storage.js'
import { Child } from '../support/child.js'
import { MovableClock } from '../support/movable-clock.js'
import type { RedisChildCommands } from '../support/redis-child.js'
import { RedisCluster } from '../support/redis-cluster.js'
import { type Connected, closeConnections, connectTo, freshPrefix } from '../support/redis-connections.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { until } from '../support/until.js'
import { describeKeyValueStore } from './key-value-contract.js'

/** Generous for a busy machine. */
const within = { timeout: 20_000, interval: 50 }

describeWithRedis('a Redis Cluster', () => {
  let cluster: RedisCluster

  beforeAll(async () => {
    cluster = await RedisCluster.start()
    // Else all members refuse when one is gone.
    for (const server of cluster.servers) {
      await server.command('CONFIG', 'SET', 'cluster-require-full-coverage', 'no')
    }
  })

  afterAll(async () => {
    await Promise.all([closeConnections(), Child.killAll()])
    await RedisServer.stopAll()
  })

  describeKeyValueStore('Redis Cluster', async (clock) => {
    const { connection } = await connectTo(cluster.url)
    const store = new RedisRecords({ connection, clock, partOf: () => 'all', mayList: () => true })
    return { store, discard: () => connection.close() }
  })

  describe('of a hub', () => {
    afterEach(closeConnections)

    const typesOf = ({ events }: Connected) => events.map(({ type }) => type)

    /** For each master an account that it has. */
    function accounts(): string[] {
      return [0, 5461, 10_923].map((from, index) => {
        const to = [5460, 10_922, 16_383][index] ?? 0
        for (let n = 0; ; n += 1) {
          const slot = slotOf(`{wx${n}}`)
          if (slot >= from && slot <= to) return `wx${n}`
        }
      })
    }

    it('finds the slot of a key as the cluster does', async () => {
      const [server] = cluster.servers
      for (const key of [
        '',
        'a',
        '123456789',
        '{a}b',
        'x{a}{b}',
        '{}a',
        '{a',
        'a}b{c}',
        '中{文}',
        '{{a}}',
        'p:{wx1}:r:k',
      ]) {
        expect(slotOf(key)).toBe(await server?.command('CLUSTER', 'KEYSLOT', key))
      }
    })

    it('has all of an account in one slot', async () => {
      const prefix = freshPrefix()
      const { connection } = await connectTo(cluster.url, prefix)
      const records = new RedisRecords({ connection, clock: new MovableClock(), mayList: () => true })
      await records.write([{ put: { key: 'm/wx1/a', value: '', expiresAt: Date.UTC(2027, 0, 1) } }])
      await records.write([{ put: { key: 'm/wx2/a', value: '' } }])
      await new RedisCredentials(connection).account('wx1').save('access_token', { version: 1 })
      const listed = await Promise.all(cluster.servers.map((server) => server.command('KEYS', `${prefix}*wx1*`)))
      const keys = listed.flatMap((found) => (Array.isArray(found) ? found.map(String) : []))
      expect(keys).toHaveLength(4)
      const [server] = cluster.servers
      const slots = await Promise.all(keys.map((key) => server?.command('CLUSTER', 'KEYSLOT', key)))
      expect(new Set(slots)).toEqual(new Set([slotOf('{wx1}')]))
    })

    it('tells another process of what is saved', async () => {
      const prefix = freshPrefix()
      const { connection } = await connectTo(cluster.url, prefix)
      const storage = new RedisCredentials(connection).account('wx1')
      const child = await Child.start<RedisChildCommands>('redis-child', { url: cluster.url, prefix })
      await child.ask('watch', 'access_token')
      const news = child.news('changed')
      await storage.save('access_token', { version: 1 })
      expect(await news).toBe('{"version":1}')
      const begun = performance.now()
      await child.ask('closeAndEnd')
      await expect(child.exited).resolves.toEqual([0, null])
      expect(performance.now() - begun).toBeLessThan(3_500)
    })

    it('is locked for one at a time', async () => {
      const prefix = freshPrefix()
      const connected = await Promise.all([connectTo(cluster.url, prefix), connectTo(cluster.url, prefix)])
      const [one, other] = connected.map(
        ({ connection }) => new RedisCredentials(connection).account('wx1') as Required<Storage>,
      )
      let inside = 0
      let most = 0
      const work = async () => {
        inside += 1
        most = Math.max(most, inside)
        await one?.read('x')
        inside -= 1
      }
      await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 ? one : other)?.lock('access_token', work)))
      expect(most).toBe(1)
    })

    it.each(['kill', 'freeze'] as const)('loses only the accounts of a master after a %s of it', async (how) => {
      const connected = await connectTo(cluster.url)
      const { connection } = connected
      const records = new RedisRecords({ connection, clock: new MovableClock(), mayList: () => true })
      const write = (account: string) => records.write([{ put: { key: `m/${account}/a`, value: account } }])
      const parts = accounts()
      for (const account of parts) await write(account)
      const hub = parts.findIndex((account) => ownerOf(account) === ownerOf('hub'))
      const gone = (hub + 1) % 3
      const server = cluster.servers[gone]
      if (how === 'kill') await server?.kill()
      else server?.freeze()

      await vi.waitFor(() => expect(write(String(parts[gone]))).rejects.toMatchObject({ code: 'STORE_AWAY' }), within)
      const begun = performance.now()
      while (performance.now() - begun < 3_000) {
        for (const account of parts.filter((_, index) => index !== gone)) await write(account)
        await expect(write(String(parts[gone]))).rejects.toMatchObject({ code: 'STORE_AWAY' })
      }
      expect(typesOf(connected)).toEqual(['redis-away'])
      expect(connection.failure).toMatchObject({ code: 'STORE_AWAY' })

      // Whoever comes meanwhile has the other accounts, too.
      const late = await connectTo(cluster.url)
      expect(
        await late.connection.run(String(parts[hub]), ['EXISTS', late.connection.key(String(parts[hub]), 'x')]),
      ).toBe(0)
      await late.connection.close()

      if (how === 'kill') await server?.restart()
      else server?.thaw()
      await vi.waitFor(() => write(String(parts[gone])), within)
      expect(connection.failure).toBeUndefined()
      expect(typesOf(connected)).toEqual(['redis-away', 'redis-back'])
      await cluster.settled()
    })

    const ownerOf = (account: string) => [5460, 10_922, 16_383].findIndex((to) => slotOf(`{${account}}`) <= to)

    it('hears news from another master when the one that told them is gone', async () => {
      const { connection } = await connectTo(cluster.url)
      const heard: string[] = []
      connection.onNews((news) => heard.push(news))
      const numbers = async () => {
        const answers = cluster.servers.map((server) => server.command('PUBSUB', 'NUMSUB', connection.newsChannel))
        return (await Promise.all(answers)).map((answer) => (Array.isArray(answer) ? Number(answer[1]) : 0))
      }
      const at = (await numbers()).indexOf(1)
      expect(at).toBeGreaterThanOrEqual(0)
      const [teller, next] = [cluster.servers[at], cluster.servers[(at + 1) % 3]]
      await teller?.kill()
      await vi.waitFor(async () => {
        await next?.command('PUBLISH', connection.newsChannel, 'hello')
        expect(heard).toContain('hello')
      }, within)
      await teller?.restart()
      await cluster.settled()
    })

    it('follows a slot that moves to another master', async () => {
      const connected = await connectTo(cluster.url)
      const { connection } = connected
      const [account = ''] = accounts()
      const key = connection.key(account, 'k')
      const slot = String(slotOf(key))
      await connection.run(account, ['SET', key, 'one'])
      const [from, to] = cluster.servers
      const [fromID, toID] = await Promise.all([from?.command('CLUSTER', 'MYID'), to?.command('CLUSTER', 'MYID')])
      await to?.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(fromID))
      await from?.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(toID))
      const port = String(to?.port)
      await from?.command('MIGRATE', '127.0.0.1', port, '', '0', '5000', 'KEYS', ...(await keysIn(from, slot)))
      // Asked of the former one, which sends on.
      expect(await connection.run(account, ['GET', key])).toBe('one')
      for (const server of [to, from]) await server?.command('CLUSTER', 'SETSLOT', slot, 'NODE', String(toID))
      expect(await connection.run(account, ['GET', key])).toBe('one')
      expect(await connection.run(account, ['SET', key, 'two'])).toBe('OK')
      expect(await to?.command('GET', key)).toBe('two')
      expect(typesOf(connected)).toEqual([])
    })

    async function keysIn(server: RedisServer | undefined, slot: string): Promise<string[]> {
      const keys = await server?.command('CLUSTER', 'GETKEYSINSLOT', slot, '1000')
      return Array.isArray(keys) ? keys.map(String) : []
    }

    it('cannot be opened by who does not know the password, or where nobody is', async () => {
      const locked = await RedisServer.start({ password: 'right' })
      const open = (port: number) => connectTo(`redis+cluster://:wrong@127.0.0.1:${port}`)
      await expect(open(locked.port)).rejects.toThrow(/WRONGPASS/)
      await locked.stop()
      await expect(open(locked.port)).rejects.toThrow(/ECONNREFUSED/)
    })

    it('shows that its process lives', async () => {
      const prefix = freshPrefix()
      const connected = await Promise.all([connectTo(cluster.url, prefix), connectTo(cluster.url, prefix)])
      const [one, other] = connected.map(({ connection }) => connection)
      if (!(one instanceof RedisConnection) || other === undefined) throw new Error('not connected')
      expect(await one.isAlive(other.self)).toBe(true)
      await other.close()
      await until(async () => !(await one.isAlive(other.self)))
    })
  })
})
