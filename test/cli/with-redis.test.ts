import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Finding } from '../../src/cli/doctor/finding.js'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { describeWithRedis, RedisServer, type RedisServerOptions } from '../support/redis-server.js'
import { readJson, shop } from '../support/running-hub.js'
import { ConfiguredFolder } from './configured-folder.js'
import { startHub } from './hub-in-folder.js'
import { type Ended, runCli } from './run-cli.js'

const password = 'canary-of-redis-0123456789'

let sandbox: Sandbox
let folder: ConfiguredFolder
let redis: RedisServer

beforeEach(async () => {
  sandbox = new Sandbox({ accounts: [shop] })
  folder = await ConfiguredFolder.make(await sandbox.listen())
})

afterEach(async () => {
  await RedisServer.stopAll()
  await folder.remove()
  await sandbox.close()
})

async function start(options: RedisServerOptions = {}): Promise<void> {
  redis = await RedisServer.start({ password, ...options })
}

const env = () => ({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, REDIS_PASSWORD: password })

async function run(...args: string[]): Promise<Ended> {
  const ended = await runCli(folder.path, args, env())
  expect(ended.stdout + ended.stderr).not.toContain(password)
  return ended
}

async function findings(): Promise<(check: string) => Finding | undefined> {
  const { stdout } = await run('doctor', '--json')
  const { findings: all }: { findings: Finding[] } = JSON.parse(stdout)
  return (check) => all.find((finding) => finding.check === check)
}

describeWithRedis('with REDIS_URL', () => {
  it('clients are those of all hubs on this Redis', async () => {
    await start()
    const hub = await startHub(folder, { ...env(), WECHAT_HUB_KEY: 'the-key-of-the-tests-0001' })
    const added = await run('client', 'add', 'crm', '--account', 'shop', '--scope', 'token')
    expect([added.code, added.stderr]).toEqual([0, expect.stringContaining(`in the Redis at 127.0.0.1:${redis.port}`)])
    const taken = (key: string) => async () => (await hub.request('/v1/shop/access-token', { key: key.trim() })).status
    await expect.poll(taken(added.stdout), { timeout: 5000 }).toBe(200)
    const rotated = await run('client', 'rotate', 'crm')
    await expect.poll(taken(rotated.stdout), { timeout: 5000 }).toBe(200)
    expect((await run('client', 'rotate', 'crm', '--finish')).code).toBe(0)
    await expect.poll(taken(added.stdout), { timeout: 5000 }).toBe(401)
    const listed = JSON.parse((await run('client', 'list', '--json')).stdout)
    expect(listed).toMatchObject([{ name: 'crm', source: 'stored', keys: 1 }])
    const unknown = await run('client', 'revoke', 'erp')
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('text:clients in the Redis at')])
    expect((await run('client', 'revoke', 'crm')).code).toBe(0)
    await expect.poll(taken(rotated.stdout), { timeout: 5000 }).toBe(401)
    expect(existsSync(join(folder.dataDir, 'clients.json'))).toBe(false)
    await hub.close()
  })

  it('the token is the one that the hubs give out', async () => {
    await start()
    const { stdout } = await run('token', 'shop', '--show', '--json')
    const { access_token, from } = JSON.parse(stdout)
    expect(from).toBe('wechat')
    const hubKey = 'the-key-of-the-tests-0001'
    const hub = await startHub(folder, { ...env(), WECHAT_HUB_KEY: hubKey })
    const served = await readJson(await hub.request('/v1/shop/access-token', { key: hubKey }))
    expect(served).toMatchObject({ access_token, from: 'store' })
    await hub.close()
    expect(sandbox.requests.count('/cgi-bin/token')).toBe(1)
  })

  it('the doctor finds nothing wrong with a Redis that keeps what it is given', async () => {
    await start({ config: ['appendonly yes'], args: ['--appendonly', 'yes'] })
    await run('token', 'shop')
    const of = await findings()
    expect(of('Redis')).toMatchObject({ result: 'ok', what: `the Redis at 127.0.0.1:${redis.port} answers` })
    expect(of('version')).toMatchObject({ result: 'ok', what: expect.stringMatching(/^\d+\.\d+/) })
    expect(of('eviction')).toMatchObject({ result: 'ok' })
    expect(of('persistence')).toMatchObject({ result: 'ok', what: 'on (appendonly)' })
    expect(of('Redis clock')).toMatchObject({ result: 'ok' })
    expect(of('clients')).toMatchObject({ result: 'warning', what: 'none: nobody can use the hub' })
    expect(of('token')).toMatchObject({ result: 'ok', what: expect.stringContaining('WeChat takes the stored one') })
    expect(of('quota')).toMatchObject({ what: expect.stringMatching(/^1 of 2000 fetches counted today/) })
  })

  it('the doctor warns of a Redis that forgets', async () => {
    await start({ config: ['maxmemory 50mb', 'maxmemory-policy allkeys-lru'] })
    const of = await findings()
    expect(of('eviction')).toMatchObject({ result: 'warning', what: expect.stringContaining('allkeys-lru') })
    expect(of('eviction')?.remedy).toContain('noeviction')
    expect(of('persistence')).toMatchObject({ result: 'warning', remedy: 'Set appendonly yes.' })
  })

  it('the doctor tells snapshots from an append-only file', async () => {
    await start({ args: ['--save', '900 1'] })
    expect((await findings())('persistence')).toMatchObject({ result: 'ok', what: expect.stringContaining('900 1') })
  })

  it('the doctor goes on where Redis is away, and a command says where it was looked for', async () => {
    await start()
    await redis.kill()
    const { code, stdout, stderr } = await run('doctor')
    expect([code, stderr]).toEqual([1, ''])
    expect(stdout).toContain(`✗ Redis`)
    expect(stdout).toContain(`the Redis at 127.0.0.1:${redis.port} cannot be used`)
    expect(stdout).toContain('not known: Redis is out of reach')
    expect(stdout).toMatch(/✓ AppSecret/)
    const listed = await run('client', 'list')
    expect([listed.code, listed.stdout]).toEqual([1, ''])
    expect(listed.stderr).toContain(`the Redis at 127.0.0.1:${redis.port} cannot be used`)
    expect(listed.stderr).toContain('REDIS_PASSWORD')
  })
})
