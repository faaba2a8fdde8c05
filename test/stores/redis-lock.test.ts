import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { RedisLock } from '../../src/stores/redis/lock.js'
import { WechatError } from '../../src/wechat/errors.js'
import type { Lease } from '../../src/wechat/storage.js'
import { Child } from '../support/child.js'
import { turn } from '../support/movable-clock.js'
import type { RedisChildCommands } from '../support/redis-child.js'
import { closeConnections, connectTo, freshPrefix } from '../support/redis-connections.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { until } from '../support/until.js'

const leaseTime = 6_000

describeWithRedis('the lock in Redis', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await RedisServer.start()
  })

  afterEach(() => server.thaw())

  afterAll(async () => {
    await Promise.all([closeConnections(), Child.killAll()])
    await RedisServer.stopAll()
  })

  const startChild = (prefix: string) => Child.start<RedisChildCommands>('redis-child', { url: server.url, prefix })
  const keyOf = (prefix: string) => `${prefix}{wx1}:lock:l`

  /** The lock as a process of its own has it. */
  async function lockOf(prefix: string): Promise<RedisLock> {
    const { connection } = await connectTo(server.url, prefix)
    return new RedisLock({ connection, part: 'wx1', name: 'l' })
  }

  /** Takes the lock. Answers what is left of it, and a function that gives it back. */
  async function hold(lock: RedisLock): Promise<{ lease: Lease; release: () => Promise<void> }> {
    let end: () => void = () => undefined
    let run: Promise<void> = Promise.resolve()
    const lease = await new Promise<Lease>((held, reject) => {
      run = lock.run((mine) => {
        held(mine)
        return new Promise<void>((resolve) => {
          end = resolve
        })
      })
      run.catch(reject)
    })
    const release = () => {
      end()
      return run
    }
    return { lease, release }
  }

  it('is held by one of 21 contenders in three processes at a time', async () => {
    const prefix = freshPrefix()
    const children = await Promise.all([startChild(prefix), startChild(prefix), startChild(prefix)])
    await Promise.all(children.map((child) => child.ask('contend', { name: 'l', contenders: 7, times: 4 })))
    const trace = await server.command('LRANGE', `${prefix}{wx1}:trace`, '0', '-1')
    const lines = Array.isArray(trace) ? trace.map(String) : []
    expect(lines).toHaveLength(2 * 84)
    for (let at = 0; at < lines.length; at += 2) expect(lines[at + 1]).toBe(lines[at]?.replace('in', 'out'))
    expect(await server.command('GET', `${prefix}{wx1}:counter`)).toBe('84')
  })

  it('answers what the work answers, and is free after a failure of it', async () => {
    const lock = await lockOf(freshPrefix())
    expect(await lock.run(async () => 'done')).toBe('done')
    await expect(lock.run(() => Promise.reject(new Error('oh')))).rejects.toThrow('oh')
    expect(await lock.run(async () => 'done again')).toBe('done again')
  })

  it('wakes who waits when it is released', async () => {
    const prefix = freshPrefix()
    const { connection } = await connectTo(server.url, prefix)
    // Who only looked now and then would give up before the second look.
    const waiter = new RedisLock({ connection, part: 'wx1', name: 'l', nap: 60_000 })
    const holder = await lockOf(prefix)
    for (let round = 0; round < 20; round += 1) {
      const { release } = await hold(holder)
      const waiting = waiter.run(async () => 'taken')
      // Answered after the look that was in vain.
      await connection.run('wx1', ['PING'])
      await release()
      expect(await waiting).toBe('taken')
    }
  })

  it('wakes who looked in vain just when it was released', async () => {
    const prefix = freshPrefix()
    const { connection } = await connectTo(server.url, prefix)
    const waiter = new RedisLock({ connection, part: 'wx1', name: 'l', nap: 60_000 })
    const holder = await lockOf(prefix)
    for (let round = 0; round < 20; round += 1) {
      const { release } = await hold(holder)
      // Both are done, and told, at the same time.
      server.freeze()
      const waiting = waiter.run(async () => 'taken')
      await turns(3)
      const released = release()
      await turns(3)
      server.thaw()
      await released
      expect(await waiting).toBe('taken')
    }
  })

  it('is looked at again though nobody tells of its release', async () => {
    const prefix = freshPrefix()
    const [first, second] = await Promise.all([lockOf(prefix), lockOf(prefix)])
    const { release } = await hold(first)
    const waiting = second.run(async () => 'taken')
    await server.command('DEL', keyOf(prefix))
    expect(await waiting).toBe('taken')
    await release()
  })

  it.concurrent('is renewed while it is held, for longer than a lease', async () => {
    const prefix = freshPrefix()
    const { lease, release } = await hold(await lockOf(prefix))
    const begun = performance.now()
    let least = leaseTime
    await vi.waitFor(
      () => {
        least = Math.min(least, lease.remaining())
        expect(performance.now() - begun).toBeGreaterThan(leaseTime + 500)
      },
      { timeout: 20_000, interval: 100 },
    )
    expect(least).toBeGreaterThan(0)
    expect(Number(await server.command('PTTL', keyOf(prefix)))).toBeGreaterThan(0)
    await release()
    expect(await server.command('EXISTS', keyOf(prefix))).toBe(0)
  })

  it.concurrent('is free a lease after its holder was killed', async () => {
    const prefix = freshPrefix()
    const [child, lock] = await Promise.all([startChild(prefix), lockOf(prefix)])
    await child.ask('hold', 'l')
    await child.kill()
    expect(Number(await server.command('PTTL', keyOf(prefix)))).toBeGreaterThan(0)
    expect(await lock.run(async () => 'taken')).toBe('taken')
  })

  it.concurrent('is lost by a holder that stands still, which then knows it, and does not take it from the next one', async () => {
    const prefix = freshPrefix()
    const [child, lock] = await Promise.all([startChild(prefix), lockOf(prefix)])
    await child.ask('hold', 'l')
    expect(await child.ask('remaining')).toBeGreaterThan(0)
    child.signal('SIGSTOP')
    const { lease, release } = await hold(lock)
    child.signal('SIGCONT')
    expect(await child.ask('remaining')).toBeLessThanOrEqual(0)
    await child.ask('release')
    expect(lease.remaining()).toBeGreaterThan(0)
    expect(await server.command('EXISTS', keyOf(prefix))).toBe(1)
    await release()
    expect(await server.command('EXISTS', keyOf(prefix))).toBe(0)
  })

  it.concurrent('tells its holder when Redis has lost it, and is not given back by who has it no more', async () => {
    const prefix = freshPrefix()
    const { lease, release } = await hold(await lockOf(prefix))
    await server.command('SET', keyOf(prefix), 'another one')
    await vi.waitFor(() => expect(lease.remaining()).toBe(0), { timeout: 5_000 })
    await release()
    expect(await server.command('GET', keyOf(prefix))).toBe('another one')
  })

  it.concurrent('is busy for who waited 7.5 s', async () => {
    const prefix = freshPrefix()
    const lock = await lockOf(prefix)
    await server.command('SET', keyOf(prefix), 'another one')
    const begun = performance.now()
    const error = await lock.run(async () => 'taken').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(WechatError)
    expect(error).toMatchObject({ code: 'LOCK_BUSY', kind: 'transient' })
    expect(performance.now() - begun).toBeGreaterThan(7_400)
    expect(performance.now() - begun).toBeLessThan(20_000)
  })

  it('cannot be had while Redis is away, which is told at once', async () => {
    const { connection, events } = await connectTo(server.url)
    const lock = new RedisLock({ connection, part: 'wx1', name: 'l' })
    server.freeze()
    await until(() => events.some(({ type }) => type === 'redis-away'))
    const calls = Array.from({ length: 1000 }, () => lock.run(async () => 'taken').catch((thrown: unknown) => thrown))
    const begun = performance.now()
    for (const error of await Promise.all(calls)) {
      expect(error).toBeInstanceOf(WechatError)
      expect(error).toMatchObject({ code: 'STORE_AWAY', kind: 'transient' })
    }
    // A single one of them would have waited half a second.
    expect(performance.now() - begun).toBeLessThan(2_000)
  })

  it('is not kept from others by who asked for it in vain while Redis stood still', async () => {
    const prefix = freshPrefix()
    const { connection } = await connectTo(server.url, prefix)
    const lock = new RedisLock({ connection, part: 'wx1', name: 'l' })
    const other = await lockOf(prefix)
    server.freeze()
    const refusal = await lock.run(async () => 'taken').catch((thrown: unknown) => thrown)
    expect(refusal).toMatchObject({ code: 'STORE_AWAY' })
    server.thaw()
    const thawed = performance.now()
    // What it asked for has been done before this is answered.
    await vi.waitFor(() => connection.run('wx1', ['PING']), { timeout: 10_000 })
    await vi.waitFor(async () => expect(await other.run(async () => 'taken')).toBe('taken'), { timeout: 10_000 })
    expect(performance.now() - thawed).toBeLessThan(leaseTime - 1_500)
  })

  it('is given back as soon as Redis answers again, if it did not when the work was done', async () => {
    const prefix = freshPrefix()
    const { connection } = await connectTo(server.url, prefix)
    const [{ release }, other] = await Promise.all([
      hold(new RedisLock({ connection, part: 'wx1', name: 'l' })),
      lockOf(prefix),
    ])
    server.freeze()
    await until(() => connection.failure !== undefined)
    await release()
    server.thaw()
    const thawed = performance.now()
    await vi.waitFor(async () => expect(await other.run(async () => 'taken')).toBe('taken'), { timeout: 10_000 })
    expect(performance.now() - thawed).toBeLessThan(leaseTime - 2_000)
  })
})

async function turns(count: number): Promise<void> {
  for (let turned = 0; turned < count; turned += 1) await turn()
}
