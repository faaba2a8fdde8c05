import { existsSync, readFileSync } from 'node:fs'
import { createClient } from '@redis/client'
import { afterAll, expect, it } from 'vitest'
import { Child } from './child.js'
import type { RedisCommands } from './child-redis.js'
import { RedisCluster } from './redis-cluster.js'
import { RedisSentinels } from './redis-sentinels.js'
import { describeWithRedis, RedisServer } from './redis-server.js'
import { removeFolder, temporaryFolder } from './temporary-folder.js'
import { until } from './until.js'

afterAll(async () => {
  await RedisServer.stopAll()
  await Child.killAll()
})

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describeWithRedis('a Redis server', () => {
  it('answers commands and forgets all when killed', async () => {
    const server = await RedisServer.start()
    expect(server.url).toBe(`redis://127.0.0.1:${server.port}`)
    await server.command('HSET', 'hash', 'field', 'value')
    expect(await server.command('HGETALL', 'hash')).toEqual(['field', 'value'])

    const { pid } = server
    await server.kill()
    expect(lives(pid)).toBe(false)
    await expect(server.command('PING')).rejects.toThrow('ECONNREFUSED')
    await server.restart()
    expect(server.pid).not.toBe(pid)
    expect(await server.command('EXISTS', 'hash')).toBe(0)
  })

  it('has its data again after a kill when asked to keep it', async () => {
    const server = await RedisServer.start({ args: ['--appendonly', 'yes'] })
    await server.command('SET', 'key', 'value')
    await server.kill()
    await server.restart()
    expect(await server.command('GET', 'key')).toBe('value')
  })

  it('leaves a folder that it was given', async () => {
    const folder = temporaryFolder()
    const keeping = { folder, args: ['--appendonly', 'yes'] }
    const server = await RedisServer.start(keeping)
    await server.command('SET', 'key', 'value')
    await server.stop()
    expect(await (await RedisServer.start(keeping)).command('GET', 'key')).toBe('value')
    removeFolder(folder)
  })

  it('asks for its password', async () => {
    const server = await RedisServer.start({ password: 'p@ss word' })
    expect(await server.command('PING')).toBe('PONG')
    const stranger = createClient({ url: `redis://127.0.0.1:${server.port}`, socket: { reconnectStrategy: false } })
    stranger.on('error', () => undefined)
    await expect(stranger.connect().then(() => stranger.ping())).rejects.toThrow('NOAUTH')
    stranger.destroy()
  })

  it('speaks TLS with a certificate that only its own authority vouches for', async () => {
    const server = await RedisServer.start({ tls: true })
    expect(server.url).toBe(`rediss://127.0.0.1:${server.port}`)
    expect(await server.command('PING')).toBe('PONG')
    expect(readFileSync(server.caFile, 'utf8')).toContain('BEGIN CERTIFICATE')
    const distrustful = createClient({ url: server.url, socket: { tls: true, reconnectStrategy: false } })
    distrustful.on('error', () => undefined)
    await expect(distrustful.connect()).rejects.toThrow('self-signed certificate')
  })

  it('follows another one', async () => {
    const master = await RedisServer.start({ password: 'secret' })
    const replica = await RedisServer.start({ password: 'secret', replicaOf: master })
    await until(async () => String(await replica.command('INFO', 'replication')).includes('master_link_status:up'))
    await master.command('SET', 'key', 'value')
    await until(async () => (await replica.command('GET', 'key')) === 'value')
  })

  it('answers a frozen time later', async () => {
    const server = await RedisServer.start()
    server.freeze()
    let answered = false
    const answer = server.command('PING').finally(() => {
      answered = true
    })
    const other = await RedisServer.start()
    expect(answered).toBe(false)
    server.thaw()
    expect(await answer).toBe('PONG')
    await other.stop()
  })

  it('ends for good, frozen or killed, with its folder', async () => {
    const [frozen, killed] = await Promise.all([RedisServer.start(), RedisServer.start()])
    const { pid } = frozen
    frozen.freeze()
    await killed.kill()
    await RedisServer.stopAll()
    expect(lives(pid)).toBe(false)
    expect([frozen.folder, killed.folder].filter(existsSync)).toEqual([])
  })

  it('says why it did not start', async () => {
    await expect(RedisServer.start({ config: ['no-such-setting 1'] })).rejects.toThrow('no-such-setting')
  })

  it('ends with the program that started it, though that is killed', async () => {
    const program = await Child.start<RedisCommands>('child-redis')
    const { pid, folder } = await program.ask('start')
    expect(lives(pid)).toBe(true)
    await program.kill()
    await until(() => !lives(pid) && !existsSync(folder))
  })
})

describeWithRedis('Redis sentinels', () => {
  it('name another master when theirs is killed, with all that was written', async () => {
    const sentinels = await RedisSentinels.start()
    const master = await sentinels.master()
    await master.command('SET', 'key', 'value')
    const former = await sentinels.failOver()
    const present = await sentinels.master()
    expect(former).toBe(master)
    expect(await sentinels.replicas()).toEqual([former])
    expect(await present.command('GET', 'key')).toBe('value')

    await former.restart()
    await sentinels.settled()
    expect(await former.command('GET', 'key')).toBe('value')
    const pids = [...sentinels.servers, ...sentinels.sentinels].map(({ pid }) => pid)
    await sentinels.stop()
    expect(pids.filter(lives)).toEqual([])
  })

  it('lose what was written while replication paused', async () => {
    const sentinels = await RedisSentinels.start()
    const master = await sentinels.master()
    await master.command('SET', 'early', 'value')
    await sentinels.pauseReplication()
    await master.command('SET', 'late', 'value')
    await sentinels.failOver({ by: 'freeze' })
    const present = await sentinels.master()
    expect(await present.command('MGET', 'early', 'late')).toEqual(['value', null])

    master.thaw()
    expect(await master.command('GET', 'late')).toBe('value')
    await sentinels.settled()
    expect(await master.command('GET', 'late')).toBe(null)
  })
})

describeWithRedis('a Redis cluster', () => {
  it('shares the keys among its masters', async () => {
    const cluster = await RedisCluster.start()
    expect(cluster.url).toMatch(/^redis\+cluster:\/\/(127\.0\.0\.1:\d+,?){3}$/)
    const answers = await Promise.allSettled(cluster.servers.map((server) => server.command('SET', 'key', 'value')))
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])

    const pids = cluster.servers.map(({ pid }) => pid)
    await cluster.stop()
    expect(pids.filter(lives)).toEqual([])
  })
})
