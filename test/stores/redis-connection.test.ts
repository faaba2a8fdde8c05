import { appendFileSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { RedisCounts } from '../../src/stores/redis/counts.js'
import { script } from '../../src/stores/redis/script.js'
import { openRedisStores } from '../../src/stores/redis-stores.js'
import { StoreError } from '../../src/stores/store.js'
import { Child } from '../support/child.js'
import { leaksIn } from '../support/leaks.js'
import { MovableClock } from '../support/movable-clock.js'
import type { RedisChildCommands } from '../support/redis-child.js'
import { type Connected, closeConnections, connectTo, freshPrefix } from '../support/redis-connections.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { until } from '../support/until.js'

const away = { name: 'StoreError', code: 'STORE_AWAY' }
/** Generous for a busy machine. */
const within = { timeout: 10_000, interval: 20 }

describeWithRedis('the connection to Redis', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await RedisServer.start()
  })

  afterEach(async () => {
    server.thaw()
    await closeConnections()
  })

  afterAll(async () => {
    await Child.killAll()
    await RedisServer.stopAll()
  })

  const typesOf = ({ events }: Connected) => events.map(({ type }) => type)
  const codeOf = (error: unknown) => (error instanceof StoreError ? error.code : error)
  const thrownBy = (work: Promise<unknown>) =>
    work.then(
      () => expect.fail('it was done'),
      (error: unknown) => error,
    )

  describe('while Redis is frozen', () => {
    it('gives up a command, then refuses all at once, until it answers again', async () => {
      const connected = await connectTo(server.url)
      const { connection } = connected
      server.freeze()
      const begun = performance.now()
      await expect(connection.run('wx1', ['PING'])).rejects.toMatchObject(away)
      expect(performance.now() - begun).toBeLessThan(3_000)
      expect(connection.failure).toMatchObject(away)
      const calls = Array.from({ length: 1000 }, () => thrownBy(connection.run('wx1', ['PING'])))
      const asked = performance.now()
      expect(new Set((await Promise.all(calls)).map(codeOf))).toEqual(new Set(['STORE_AWAY']))
      expect(performance.now() - asked).toBeLessThan(400)
      server.thaw()
      await vi.waitFor(() => expect(connection.failure).toBeUndefined(), within)
      expect(await connection.run('wx1', ['PING'])).toBe('PONG')
      expect(typesOf(connected)).toEqual(['redis-away', 'redis-back'])
      expect(connected.events[1]).toMatchObject({ type: 'redis-back', where: `the Redis at 127.0.0.1:${server.port}` })
    })

    it('notices it by itself', async () => {
      const connected = await connectTo(server.url)
      server.freeze()
      await vi.waitFor(() => expect(typesOf(connected)).toEqual(['redis-away']), within)
    })

    it('keeps few of 12,000 calls, rejects all of them, and does not make up for them later', async () => {
      const { connection } = await connectTo(server.url)
      const key = connection.key('wx1', 'counter')
      server.freeze()
      const calls = Array.from({ length: 12_000 }, () => thrownBy(connection.run('wx1', ['INCR', key])))
      expect(new Set((await Promise.all(calls)).map(codeOf))).toEqual(new Set(['STORE_AWAY']))
      for (let call = 0; call < 1000; call += 1) await thrownBy(connection.run('wx1', ['INCR', key]))
      server.thaw()
      await vi.waitFor(async () => expect(await connection.run('wx1', ['PING'])).toBe('PONG'), within)
      expect(Number(await connection.run('wx1', ['GET', key]))).toBeLessThanOrEqual(10_000)
      expect(await connection.run('wx1', ['SET', key, '0'])).toBe('OK')
      expect(await connection.run('wx1', ['INCR', key])).toBe(1)
    })

    it('keeps no more than 64 MiB of what is to be sent', async () => {
      const { connection } = await connectTo(server.url)
      const value = 'x'.repeat(1024 * 1024)
      server.freeze()
      const errors = await Promise.all(
        Array.from({ length: 100 }, (_, index) => thrownBy(connection.run('wx1', ['SET', `k${index}`, value]))),
      )
      const full = errors.filter((error) => error instanceof StoreError && /too much/.test(error.message))
      expect(full.length).toBeGreaterThanOrEqual(36)
    })

    it('has another connection after a while, and goes on when it answers', async () => {
      const { connection } = await connectTo(server.url)
      const before = await clients()
      server.freeze()
      await vi.waitFor(async () => expect(connection.failure).toMatchObject(away), within)
      const frozen = performance.now()
      await until(() => performance.now() - frozen > 5_000)
      server.thaw()
      await vi.waitFor(async () => expect(await connection.run('wx1', ['PING'])).toBe('PONG'), within)
      await vi.waitFor(async () => expect((await clients()).length).toBe(before.length), within)
      expect(await clients()).not.toEqual(before)
    })

    /** The IDs of the clients at present, but for who asks. */
    async function clients(): Promise<string[]> {
      const list = String(await server.command('CLIENT', 'LIST'))
      const lines = list.split('\n').filter((line) => line !== '' && !line.includes('cmd=client'))
      return lines.map((line) => /id=(\d+)/.exec(line)?.[1] ?? '')
    }
  })

  it('is not taken for broken when more is asked at once than may wait', async () => {
    // On a machine that is too slow for so many Redis is away in earnest: then once more.
    await until(async () => {
      const connected = await connectTo(server.url)
      const { connection } = connected
      const answers = await Promise.allSettled(
        Array.from({ length: 11_000 }, () => connection.run('wx1', ['INCR', connection.key('wx1', 'k')])),
      )
      const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [String(answer.reason)] : []))
      const tooMany = reasons.filter((reason) => reason.includes('too much waits for Redis'))
      expect(tooMany.length).toBeGreaterThan(0)
      expect(tooMany.length).toBeLessThanOrEqual(1000)
      return reasons.length === tooMany.length && typesOf(connected).length === 0
    })
  })

  it('does not take a pause of its own process for one of Redis', async () => {
    const connected = await connectTo(server.url)
    const { connection } = connected
    for (const pause of [600, 1500]) {
      const answer = connection.run('wx1', ['PING'])
      const begun = performance.now()
      while (performance.now() - begun < pause) Math.sqrt(pause)
      expect(await answer).toBe('PONG')
    }
    expect(typesOf(connected)).toEqual([])
  })

  it('fails at once when Redis is killed, and is back soon after it, with scripts and news', async () => {
    const prefix = freshPrefix()
    const [connected, other] = await Promise.all([connectTo(server.url, prefix), connectTo(server.url, prefix)])
    const { connection } = connected
    const publish = script(`return redis.call('PUBLISH', ARGV[1], ARGV[2])`)
    const say = (news: string) => connection.runScript('wx1', publish, [], [connection.newsChannel, news])
    const heard: string[] = []
    const end = other.connection.onNews((news) => heard.push(news))
    await say('before')
    await vi.waitFor(() => expect(heard).toEqual(['before']), within)
    let back = 0
    connection.onBack('wx1', () => {
      back += 1
    })

    const inFlight = server.kill()
    await inFlight
    await vi.waitFor(() => expect(connection.failure).toMatchObject(away), within)
    const begun = performance.now()
    for (let call = 0; call < 100; call += 1) await expect(say('nothing')).rejects.toMatchObject(away)
    expect(performance.now() - begun).toBeLessThan(400)

    await server.restart()
    const restarted = performance.now()
    await vi.waitFor(() => expect(connection.failure).toBeUndefined(), within)
    expect(performance.now() - restarted).toBeLessThan(5_000)
    await vi.waitFor(async () => expect(await say('after')).toBe(2), within)
    await vi.waitFor(() => expect(heard.at(-1)).toBe('after'), within)
    expect(typesOf(connected)).toEqual(['redis-away', 'redis-back'])
    expect(back).toBe(1)
    end()
    await say('unheard')
    expect(heard.at(-1)).toBe('after')
  })

  it('loads its scripts anew after they were flushed', async () => {
    const { connection } = await connectTo(server.url)
    const one = script('return 1')
    expect(await connection.runScript('wx1', one, [], [])).toBe(1)
    await server.command('SCRIPT', 'FLUSH')
    expect(await connection.runScript('wx1', one, [], [])).toBe(1)
    expect(await server.command('SCRIPT', 'EXISTS', one.sha)).toEqual([1])
  })

  describe('tells what Redis answers', () => {
    it('when its memory is full: a failure of each write, while the rest goes on', async () => {
      const connected = await connectTo(server.url)
      const { connection } = connected
      await server.command('CONFIG', 'SET', 'maxmemory', '1')
      const failed = { name: 'StoreError', code: 'STORE_FAILED', message: 'Redis refused a command (OOM)' }
      const set = script(`return redis.call('SET', KEYS[1], '1')`)
      await expect(connection.run('wx1', ['SET', connection.key('wx1', 'k'), '1'])).rejects.toMatchObject(failed)
      await expect(connection.runScript('wx1', set, [connection.key('wx1', 'k')], [])).rejects.toMatchObject(failed)
      expect(await connection.run('wx1', ['GET', connection.key('wx1', 'k')])).toBeNull()
      // Even when it was away meanwhile.
      server.freeze()
      await vi.waitFor(() => expect(connection.failure).toMatchObject(away), within)
      server.thaw()
      await vi.waitFor(() => expect(connection.failure).toBeUndefined(), within)
      await server.command('CONFIG', 'SET', 'maxmemory', '0')
      expect(typesOf(connected)).toEqual(['redis-away', 'redis-back'])
    })

    it('when it cannot write its disk: a failure of each write', async () => {
      const full = await RedisServer.start({ config: ['dbfilename no-file', 'save 3600 1'] })
      const connected = await connectTo(full.url)
      mkdirSync(join(full.folder, 'no-file'))
      await full.command('BGSAVE')
      await until(async () => String(await full.command('INFO', 'persistence')).includes('bgsave_status:err'))
      await expect(connected.connection.run('wx1', ['SET', 'k', '1'])).rejects.toMatchObject({
        ...{ code: 'STORE_FAILED', message: 'Redis refused a command (MISCONF)' },
      })
      expect(typesOf(connected)).toEqual([])
      await full.stop()
    })

    it('when it starts: it is away, and waited for by who opens it', async () => {
      const slow = await RedisServer.start({ config: ['appendonly yes'] })
      const connected = await connectTo(slow.url)
      const { connection } = connected
      await slow.command('EVAL', "for n = 1, 5000 do redis.call('SET', 'k' .. n, 'v') end", '0')
      const config = ['key-load-delay 400', 'loading-process-events-interval-bytes 1024']
      appendFileSync(join(slow.folder, 'redis.conf'), `${config.join('\n')}\n`)
      const restarted = slow.restart()
      await vi.waitFor(() => expect(connection.failure).toMatchObject(away), within)
      const messages = new Set<string>()
      const [late] = await Promise.all([
        connectTo(slow.url),
        until(async () => {
          await connection.run('wx1', ['PING']).catch(({ message }) => messages.add(message))
          return connection.failure === undefined
        }),
      ])
      await restarted
      expect(await late.connection.run('wx1', ['GET', 'k5000'])).toBe('v')
      expect(typesOf(connected)).toEqual(['redis-away', 'redis-back'])
      expect(typesOf(late)).toEqual([])
      await slow.stop()
    })

    it('when it is a replica by now: it is away', async () => {
      const connected = await connectTo(server.url)
      const { connection } = connected
      await server.command('REPLICAOF', '127.0.0.1', '1')
      await expect(connection.run('wx1', ['SET', 'k', '1'])).rejects.toMatchObject({
        ...away,
        message: 'Redis takes nothing at present (READONLY)',
      })
      await server.command('REPLICAOF', 'NO', 'ONE')
      await vi.waitFor(() => expect(connection.failure).toBeUndefined(), within)
      expect(typesOf(connected)).toEqual(['redis-away', 'redis-back'])
    })

    it('when it does not understand: a failure without what was sent', async () => {
      const connected = await connectTo(server.url)
      const error = await thrownBy(connected.connection.run('wx1', ['NOSUCH', 'hunter2']))
      expect(error).toMatchObject({ code: 'STORE_FAILED', message: 'Redis refused a command (ERR)' })
      expect(typesOf(connected)).toEqual([])
    })
  })

  describe('shows that its process lives', () => {
    it('until it is killed, and three seconds more', async () => {
      const prefix = freshPrefix()
      const { connection } = await connectTo(server.url, prefix)
      const child = await Child.start<RedisChildCommands>('redis-child', { url: server.url, prefix })
      const name = await child.ask('open')
      const begun = performance.now()
      while (performance.now() - begun < 4_000) {
        expect(await connection.isAlive(name)).toBe(true)
        await turn()
      }
      await child.kill()
      const killed = performance.now()
      await until(async () => !(await connection.isAlive(name)))
      expect(performance.now() - killed).toBeLessThan(4_000)
    })

    it('until it is closed', async () => {
      const prefix = freshPrefix()
      const [one, other] = await Promise.all([connectTo(server.url, prefix), connectTo(server.url, prefix)])
      expect(await one.connection.isAlive(other.connection.self)).toBe(true)
      expect(await one.connection.isAlive(one.connection.self)).toBe(true)
      expect(await one.connection.isAlive('nobody')).toBe(false)
      await other.connection.close()
      expect(await one.connection.isAlive(other.connection.self)).toBe(false)
      await expect(other.connection.isAlive('nobody')).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    })
  })

  describe('once closed', () => {
    it.each([
      ['is there', async () => undefined],
      ['is frozen', async () => server.freeze()],
      ['is known to be frozen', async (child: Child<RedisChildCommands>) => frozen(child)],
      ['has been killed', async () => server.kill()],
    ])('leaves nothing that keeps the process alive while Redis %s', async (_how, harm) => {
      const child = await Child.start<RedisChildCommands>('redis-child', { url: server.url, prefix: freshPrefix() })
      await child.ask('open')
      await harm(child)
      const begun = performance.now()
      await child.ask('closeAndEnd')
      await expect(child.exited).resolves.toEqual([0, null])
      expect(performance.now() - begun).toBeLessThan(3_500)
      server.thaw()
      await server.restart()
    })

    it('leaves nothing of a connection that was under way', async () => {
      const child = await Child.start<RedisChildCommands>('redis-child', { url: server.url, prefix: '' })
      const begun = performance.now()
      await child.ask('dialAndEnd')
      await expect(child.exited).resolves.toEqual([0, null])
      expect(performance.now() - begun).toBeLessThan(3_500)
    })

    async function frozen(child: Child<RedisChildCommands>): Promise<void> {
      const isAway = child.news('redis-away')
      server.freeze()
      await isAway
    }

    it('refuses everything, also what was under way', async () => {
      const { connection } = await connectTo(server.url)
      server.freeze()
      const underWay = thrownBy(connection.run('wx1', ['PING']))
      await Promise.all([connection.close(), connection.close()])
      expect(await underWay).toMatchObject({ code: 'STORE_CLOSED' })
      await expect(connection.run('wx1', ['PING'])).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    })
  })

  describe.concurrent('cannot be opened, and says why without the password', () => {
    const secret = 'hunter2-p@ss:w/rd'

    async function refusal(url: string, password?: string): Promise<StoreError> {
      const begun = performance.now()
      const opened = openRedisStores(
        { url, prefix: freshPrefix(), password },
        { clock: new MovableClock(), onEvent: () => undefined },
      )
      const error = await thrownBy(opened)
      expect(performance.now() - begun).toBeLessThan(14_000)
      expect(error).toMatchObject(away)
      expect(leaksIn(error, [secret])).toEqual([])
      return error instanceof StoreError ? error : expect.fail('it is no StoreError')
    }

    it('with a wrong password, a user too many, or none', async () => {
      const locked = await RedisServer.start({ password: 'right' })
      const where = `the Redis at 127.0.0.1:${locked.port} cannot be used`
      const plain = `redis://127.0.0.1:${locked.port}`
      const begun = performance.now()
      expect((await refusal(plain, secret)).message).toContain(`${where}: WRONGPASS`)
      const inUrl = `redis://nobody:${encodeURIComponent(secret)}@127.0.0.1:${locked.port}`
      expect((await refusal(inUrl)).message).toContain(`${where}: WRONGPASS`)
      expect((await refusal(plain)).message).toContain(`${where}: NOAUTH`)
      // It is not tried again and again.
      expect(performance.now() - begun).toBeLessThan(8_000)
      await locked.stop()
    })

    it('with a database that is not there', async () => {
      expect((await refusal(`${server.url}/99`)).message).toContain('DB index is out of range')
    })

    it('where nobody is, is known or answers', async () => {
      const stopped = await RedisServer.start()
      await stopped.stop()
      const [nobody, unknown, silent, mute] = await Promise.all([
        refusal(stopped.url),
        refusal('redis://no-such-host.invalid'),
        silence((port) => refusal(`redis://:x@127.0.0.1:${port}`)),
        silence((port) => refusal(`redis://127.0.0.1:${port}`)),
      ])
      expect(nobody.message).toContain('ECONNREFUSED')
      expect(unknown.message).toMatch(/no-such-host\.invalid:6379 cannot be used: .*(ENOTFOUND|EAI_AGAIN)/)
      for (const { message } of [silent, mute]) expect(message).toContain('does not answer')
    })

    it('with TLS by an authority that nobody knows, or without TLS', async () => {
      const secure = await RedisServer.start({ tls: true })
      const [distrust, plain] = await Promise.all([refusal(secure.url), refusal(`redis://127.0.0.1:${secure.port}`)])
      expect(distrust.message).toMatch(/self-signed certificate.*NODE_EXTRA_CA_CERTS/)
      expect(plain.message).toContain(`127.0.0.1:${secure.port} cannot be used: `)
      await secure.stop()
    })

    it('with a URL that is none', async () => {
      const options = { clock: new MovableClock(), onEvent: () => undefined }
      await expect(openRedisStores({ url: 'redis://', prefix: '' }, options)).rejects.toThrow(TypeError)
    })

    /** Somebody who takes connections and says nothing. */
    async function silence<T>(work: (port: number) => Promise<T>): Promise<T> {
      const mute = createServer()
      await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
      const address = mute.address()
      try {
        return await work(typeof address === 'object' && address !== null ? address.port : 0)
      } finally {
        mute.close()
      }
    }
  })

  it('opens with the password that is given apart, in place of the one in the URL', async () => {
    const locked = await RedisServer.start({ password: 'right' })
    const url = `redis://:wrong@127.0.0.1:${locked.port}/3`
    const clock = new MovableClock()
    const options = { clock, onEvent: () => undefined }
    const stores = await openRedisStores({ url, prefix: 'p:', password: 'right' }, options)
    await stores.text('clients').write('one', undefined)
    expect(stores.failure).toBeUndefined()
    expect(await locked.command('INFO', 'keyspace')).toContain('db3:')
    await stores.close()
    await locked.stop()
  })

  it('waits for a Redis that comes up while it is opened', async () => {
    await server.kill()
    const opening = connectTo(server.url)
    await turn()
    await server.restart()
    expect(await (await opening).connection.run('wx1', ['PING'])).toBe('PONG')
  })

  it('tells that the clocks of this machine and of Redis differ', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
    const { events } = await connectTo(server.url).finally(() => vi.useRealTimers())
    expect(events).toEqual([
      { type: 'redis-clock', where: `the Redis at 127.0.0.1:${server.port}`, ms: expect.any(Number) },
    ])
    const [event] = events
    expect(event?.type === 'redis-clock' && Math.round(event.ms / 60_000)).toBe(60)
  })

  it('counts for all who share Redis, for a time that begins with the first', async () => {
    const prefix = freshPrefix()
    const connected = await Promise.all([connectTo(server.url, prefix), connectTo(server.url, prefix)])
    const [one, other] = connected.map(({ connection }) => new RedisCounts(connection))
    const first = await one?.add('a', 2, 60_000)
    const second = await other?.add('a', 3, 90_000)
    expect(first).toMatchObject({ count: 2, endsIn: 60_000 })
    expect(second?.count).toBe(5)
    expect(second?.endsIn).toBeLessThanOrEqual(60_000)
    expect((await one?.add('b', 1, 1))?.count).toBe(1)
    await until(async () => (await one?.add('b', 0, 60_000))?.count === 0)
  })
})
