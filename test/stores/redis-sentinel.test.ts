import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { RedisCredentials } from '../../src/stores/redis/credentials.js'
import { RedisRecords } from '../../src/stores/redis/records.js'
import { openRedisStores } from '../../src/stores/redis-stores.js'
import type { Storage } from '../../src/wechat/storage.js'
import { Child } from '../support/child.js'
import { follow } from '../support/follow.js'
import { MovableClock } from '../support/movable-clock.js'
import type { RedisChildCommands } from '../support/redis-child.js'
import { type Connected, closeConnections, connectTo, freshPrefix } from '../support/redis-connections.js'
import { RedisSentinels } from '../support/redis-sentinels.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'

const name = 'access_token'
/** Generous for a busy machine: sentinels need two seconds to agree, a hub one more. */
const within = { timeout: 30_000, interval: 50 }

describeWithRedis('a Redis with sentinels', () => {
  let sentinels: RedisSentinels
  let prefix: string
  let one: Connected
  let other: Connected

  beforeAll(async () => {
    sentinels = await RedisSentinels.start({ replicas: 2 })
  })

  beforeEach(async () => {
    await sentinels.settled()
    prefix = freshPrefix()
    ;[one, other] = await Promise.all([connectTo(sentinels.url, prefix), connectTo(sentinels.url, prefix)])
  })

  afterEach(closeConnections)

  afterAll(async () => {
    await Child.killAll()
    await RedisServer.stopAll()
  })

  const accountOf = ({ connection }: Connected) => new RedisCredentials(connection).account('wx1') as Required<Storage>
  const typesOf = ({ events }: Connected) => events.map(({ type }) => type)
  const heardBy = ({ connection }: Connected) => {
    const heard: string[] = []
    connection.onNews((news) => heard.push(news))
    return heard
  }

  it.each(['kill', 'freeze'] as const)('goes on with the next master after a %s of its master', async (by) => {
    const records = new RedisRecords({ connection: one.connection, clock: new MovableClock(), mayList: () => true })
    await records.write([{ put: { key: 'm/wx1/a', value: 'before' } }])
    const [mine, theirs] = [accountOf(one), accountOf(other)]
    await mine.save(name, { version: 1 })
    const heard = heardBy(other)
    let told: unknown
    follow(theirs, name, (text) => {
      told = text
    })

    const former = await sentinels.failOver({ by })
    await vi.waitFor(async () => expect(await mine.save(name, { version: 2 })).toBe(true), within)
    await vi.waitFor(() => expect(told).toBe('{"version":2}'), within)
    expect(await records.get('m/wx1/a')).toBe('before')
    await records.write([{ put: { key: 'm/wx1/a', value: 'after' } }])
    const present = await sentinels.master()
    expect(present).not.toBe(former)
    expect(await present.command('GET', `${prefix}{wx1}:r:m/wx1/a`)).toBe(':after')
    await vi.waitFor(async () => {
      heard.length = 0
      await mine.save('heard', { version: Date.now() })
      await vi.waitFor(() => expect(heard).toEqual([`saved ${prefix}{wx1}:credential:heard`]), { timeout: 1_000 })
    }, within)
    expect(await mine.lock(name, async () => 'done')).toBe('done')
    expect(typesOf(one)).toEqual(['redis-away', 'redis-back'])

    // A former master that thaws takes itself for the master still.
    if (by === 'kill') await former.restart()
    else former.thaw()
    await sentinels.settled()
    expect(await mine.save(name, { version: 3 })).toBe(true)
    expect(await theirs.read(name)).toBe('{"version":3}')
    expect(await (await sentinels.master()).command('GET', `${prefix}{wx1}:credential:${name}`)).toBe('{"version":3}')
    expect(typesOf(one)).toEqual(['redis-away', 'redis-back'])
  })

  it('never has an older record replace a newer one, though writes were lost', async () => {
    const [mine, theirs] = [accountOf(one), accountOf(other)]
    await mine.save(name, { version: 5 })
    await sentinels.pauseReplication()
    await mine.save(name, { version: 9, lost: true })
    let told: unknown
    follow(theirs, name, (text) => {
      told = text
    })
    const former = await sentinels.failOver()
    await vi.waitFor(() => expect(told).toBe('{"version":5}'), within)
    await vi.waitFor(async () => expect(await mine.save(name, { version: 4, old: true })).toBe(false), within)
    expect(await mine.save(name, { version: 9, lost: false })).toBe(true)
    expect(await theirs.save(name, { version: 8 })).toBe(false)
    expect(await theirs.read(name)).toBe('{"version":9,"lost":false}')
    await former.restart()
  })

  it('is left in a moment, also while its master is frozen', async () => {
    const child = await Child.start<RedisChildCommands>('redis-child', { url: sentinels.url, prefix })
    await child.ask('open')
    const master = await sentinels.master()
    master.freeze()
    const begun = performance.now()
    await child.ask('closeAndEnd')
    await expect(child.exited).resolves.toEqual([0, null])
    expect(performance.now() - begun).toBeLessThan(3_500)
    master.thaw()
  })

  it('goes on while one of the sentinels is gone', async () => {
    const [first] = sentinels.sentinels
    await first?.kill()
    const { connection } = await connectTo(sentinels.url)
    expect(await connection.run('wx1', ['PING'])).toBe('PONG')
    expect(await one.connection.run('wx1', ['PING'])).toBe('PONG')
    await first?.restart()
  })

  it('lets in who knows its password and that of the sentinels', async () => {
    const master = await RedisServer.start({ password: 'of-redis' })
    const config = [`sentinel monitor mymaster 127.0.0.1 ${master.port} 1`, 'sentinel auth-pass mymaster of-redis']
    const sentinel = await RedisServer.start({ args: ['--sentinel'], config, password: 'of-sentinel' })
    const url = `redis+sentinel://127.0.0.1:${sentinel.port}/mymaster`
    const options = { clock: new MovableClock(), onEvent: () => undefined }
    const open = (password?: string, sentinelPassword?: string) =>
      openRedisStores({ url, prefix, password, sentinelPassword }, options)
    const stores = await open('of-redis', 'of-sentinel')
    expect(await stores.text('clients').read()).toBeUndefined()
    await stores.close()
    await expect(open('of-redis')).rejects.toThrow(/NOAUTH/)
    await expect(open('of-redis', 'wrong')).rejects.toThrow(/WRONGPASS/)
    await expect(open('wrong', 'of-sentinel')).rejects.toThrow(/WRONGPASS/)
    await Promise.all([sentinel.stop(), master.stop()])
  })

  it('cannot be opened by a name that the sentinels do not know, or without sentinels', async () => {
    const options = { clock: new MovableClock(), onEvent: () => undefined }
    const unknown = openRedisStores({ url: sentinels.url.replace(/[^/]*$/, 'nobody'), prefix }, options)
    const nobody = openRedisStores({ url: 'redis+sentinel://127.0.0.1:1/mymaster', prefix }, options)
    const answers = await Promise.allSettled([unknown, nobody])
    const errors = answers.map((answer) => (answer.status === 'rejected' ? answer.reason : undefined))
    expect(errors.map((error) => error?.code)).toEqual(['STORE_AWAY', 'STORE_AWAY'])
    expect(errors[0]?.message).toMatch(/cannot be used: the sentinels know no master "nobody"$/)
    expect(errors[1]?.message).toMatch(/sentinels 127\.0\.0\.1:1 cannot be used: no sentinel can be reached$/)
  })
})
