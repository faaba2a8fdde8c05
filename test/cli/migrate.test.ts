import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openFolder } from '../../src/move/folder-place.js'
import { move } from '../../src/move/move.js'
import type { Place } from '../../src/move/place.js'
import { openRedis } from '../../src/move/redis-place.js'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { SessionKeys } from '../../src/sessions/session-keys.js'
import { openLevel } from '../../src/stores/level.js'
import type { Entry } from '../../src/stores/store.js'
import { systemClock } from '../../src/wechat/clock.js'
import { encrypted } from '../sessions/mini-program-scene.js'
import { built } from '../support/built.js'
import { RedisCluster } from '../support/redis-cluster.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { readJson, shop } from '../support/running-hub.js'
import { ConfiguredFolder } from './configured-folder.js'
import { type HubInFolder, startHub } from './hub-in-folder.js'
import { type Ended, runCli } from './run-cli.js'

const password = 'canary-of-redis-0123456789'
const sessionKey = '5e'.repeat(32)

let sandbox: Sandbox
let folder: ConfiguredFolder
let redis: RedisServer
let hubs: HubInFolder[]

beforeEach(async () => {
  hubs = []
  sandbox = new Sandbox({ accounts: [shop] })
  const apiDomain = await sandbox.listen()
  folder = await ConfiguredFolder.make(apiDomain, { settings: { type: 'miniprogram' } })
  redis = await RedisServer.start({ password })
})

afterEach(async () => {
  for (const hub of hubs) await hub.close()
  await redis.stop()
  await folder.remove()
  await sandbox.close()
})

const url = () => `redis://127.0.0.1:${redis.port}`
/** A hub's environment: its state is in files, or in Redis. */
const onFiles = { WECHAT_HUB_SESSION_KEY: sessionKey }
const onRedis = () => ({ ...onFiles, REDIS_URL: url(), REDIS_PASSWORD: password })

async function hub(env: NodeJS.ProcessEnv): Promise<HubInFolder> {
  const started = await startHub(folder, env)
  hubs.push(started)
  return started
}

async function stop(running: HubInFolder): Promise<void> {
  hubs = hubs.filter((each) => each !== running)
  await running.close()
}

function migrate(from: string, to: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const all = { ...onFiles, REDIS_PASSWORD: password, ...env }
  return runCli(folder.path, ['migrate', '--from', from, '--to', to, ...args], all)
}

const toRedis = (...args: string[]) => migrate('data', url(), args)
const toFolder = (...args: string[]) => migrate(url(), 'data', args)

/** What the summary says of each kind. */
function summary({ stdout }: Ended): Record<string, string> {
  const rows = stdout.trimEnd().split('\n')
  return Object.fromEntries(rows.map((row) => row.split(/ {2,}/, 2)))
}

async function addClient(name: string, scopes: string[], env: NodeJS.ProcessEnv = onFiles): Promise<string> {
  const args = ['client', 'add', name, '--account', 'shop', '--scope', ...scopes]
  const { code, stdout, stderr } = await runCli(folder.path, args, env)
  expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
  return stdout.trim()
}

interface Visitor {
  readonly session: string
  readonly session_key: string
}

async function logIn(running: HubInFolder): Promise<Visitor> {
  const { code, session } = sandbox.codes.create(shop.appID, {})
  const body = JSON.stringify({ code })
  const headers = { 'content-type': 'application/json' }
  const answer = await running.request('/v1/shop/sessions', { method: 'POST', headers, body })
  return { ...(await readJson<{ session: string }>(answer)), session_key: session.session_key }
}

/** What the hub answers to user data of this visitor: 200 if the session lives, and its session_key can be read. */
async function decrypted(running: HubInFolder, { session, session_key }: Visitor): Promise<unknown> {
  const watermark = { appid: shop.appID, timestamp: Math.floor(Date.now() / 1000) }
  const answer = await running.request('/v1/shop/sessions/current/decrypt', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(encrypted(session_key, { nickName: 'Band' }, watermark)),
    key: session,
  })
  const { errcode, data } = await readJson<{ errcode?: number; data?: { nickName: string } }>(answer)
  return data?.nickName ?? errcode
}

async function hubTokenFor(running: HubInFolder, key: string): Promise<string> {
  const answer = await running.request(`/cgi-bin/token?grant_type=client_credential&appid=${shop.appID}&secret=${key}`)
  return (await readJson<{ access_token: string }>(answer)).access_token
}

async function statusOf(running: HubInFolder, session: string): Promise<number> {
  return (await running.request('/v1/shop/sessions/current', { key: session })).status
}

/** Puts records into the store of a hub that is stopped. */
async function fill(entries: readonly Entry[]): Promise<void> {
  const store = await openLevel(folder.dataDir, { clock: systemClock })
  for (let at = 0; at < entries.length; at += 1000) {
    await store.write(entries.slice(at, at + 1000).map((put) => ({ put })))
  }
  await store.close()
}

interface Given {
  readonly access_token: string
}

const credentialKey = `wechat-hub:{${shop.appID}}:credential:access_token`

/** The token that a hub gives out, which runs only for that. */
async function fetchToken(env: NodeJS.ProcessEnv): Promise<string> {
  const key = 'the-key-of-the-tests-0001'
  const running = await hub({ ...onFiles, ...env, WECHAT_HUB_KEY: key })
  const given = await readJson<Given>(await running.request('/v1/shop/access-token', { key }))
  await stop(running)
  return given.access_token
}

/** A move to a folder, in this process. `meanwhile` is awaited whenever records of a kind are about to be copied. */
async function moveFromRedis(meanwhile: () => Promise<void>): Promise<void> {
  const tell = () => undefined
  const from = await openRedis({ url: url(), prefix: 'wechat-hub:', password }, tell)
  const to = await openFolder(join(folder.path, 'elsewhere'), tell)
  const options = { clock: systemClock, longestUse: 86_400_000, given: undefined, onEvent: tell, learn: tell }
  const sessionKeys = await SessionKeys.open(folder.dataDir, options)
  const records: Place['records'] = async function* (appID, kind) {
    await meanwhile()
    yield* from.records(appID, kind)
  }
  try {
    const keys = { from: sessionKeys, to: undefined }
    const rest = { replace: false, keys, withoutSessionKeys: true, tell }
    await move({ from: { ...from, records }, to, appIDs: [shop.appID], ...rest })
  } finally {
    await to.close()
    await from.close()
  }
}

function sessionsOf(appID: string, count: number): Entry[] {
  const created = Date.now()
  return Array.from({ length: count }, () => {
    const value = JSON.stringify(['oVisitor', '', created, 600_000, ''])
    return { key: `s/${appID}/${randomBytes(32).toString('base64url')}`, value, expiresAt: created + 600_000 }
  })
}

describeWithRedis('wechat-hub migrate', () => {
  it('takes token, clients, hub tokens, sessions and session_keys to Redis and back, and fetches nothing', async () => {
    const web = await addClient('web', ['token'])
    const crm = await addClient('crm', ['gateway:/cgi-bin/*', 'session'])
    const first = await hub({})
    const token = await readJson<{ access_token: string }>(await first.request('/v1/shop/access-token', { key: web }))
    const hubToken = await hubTokenFor(first, crm)
    const visitor = await logIn(first)
    expect(await decrypted(first, visitor)).toBe('Band')
    await stop(first)
    const moved = await toRedis()
    expect([moved.code, moved.code === 0 ? '' : moved.stderr]).toEqual([0, ''])
    expect(summary(moved)).toMatchObject({
      credentials: '2',
      clients: 'copied',
      users: '1',
      sessions: '1',
      session_keys: '1',
    })
    expect(moved.stdout + moved.stderr).not.toContain(password)

    const second = await hub(onRedis())
    const given = await readJson(await second.request('/v1/shop/access-token', { key: web }))
    expect(given).toMatchObject({ access_token: token.access_token, from: 'store' })
    const called = await second.request(`/cgi-bin/getcallbackip?access_token=${hubToken}`)
    expect(await readJson(called)).toHaveProperty('ip_list')
    expect(await decrypted(second, visitor)).toBe('Band')
    const renewal = await second.request('/v1/shop/sessions/current/renew', { method: 'POST', key: visitor.session })
    const renewed = { ...visitor, session: (await readJson<{ session: string }>(renewal)).session }
    const another = await logIn(second)
    const later = await addClient('later', ['token'], onRedis())
    await stop(second)
    const back = await toFolder()
    expect([back.code, back.code === 0 ? '' : back.stderr]).toEqual([0, ''])
    expect(summary(back)).toMatchObject({ clients: 'replaced', users: '2', sessions: '3', session_keys: '3' })

    const third = await hub(onFiles)
    for (const each of [renewed, another]) expect(await decrypted(third, each)).toBe('Band')
    expect(await statusOf(third, renewed.session)).toBe(200)
    expect(
      (await third.request('/v1/shop/sessions/current/renew', { method: 'POST', key: another.session })).status,
    ).toBe(200)
    for (const key of [web, later]) {
      const again = await third.request('/v1/shop/access-token', { key })
      expect(await readJson(again)).toMatchObject({
        access_token: token.access_token,
        from: expect.stringMatching(/store|memory/),
      })
    }
    expect(await readJson(await third.request(`/cgi-bin/getcallbackip?access_token=${hubToken}`))).toHaveProperty(
      'ip_list',
    )
    expect(sandbox.requests.count('/cgi-bin/token')).toBe(1)
  })

  it('takes every kind of record with its end, of accounts that are not configured too', async () => {
    const other = 'wxfedcba9876543210'
    const expiresAt = Date.now() + 3_600_000
    await fill([
      { key: `outbox/${shop.appID}/reply:users/000000000000001/a`, value: '{"a":1}', expiresAt },
      { key: `dead/${shop.appID}/b`, value: '{"b":1}', expiresAt },
      { key: `once/${shop.appID}/c`, value: '{"reply":""}', expiresAt },
      { key: `u/${other}/oVisitor`, value: '[1,0,"",[]]' },
      ...sessionsOf(other, 1500),
    ])
    const moved = summary(await toRedis())
    expect(moved).toMatchObject({
      outbox: '1',
      'dead letters': '1',
      'handled pushes': '1',
      users: '1',
      sessions: '1500',
    })
    const key = `wechat-hub:{${shop.appID}}:r:dead/${shop.appID}/b`
    expect(await redis.command('GET', key)).toBe(`${expiresAt}:{"b":1}`)
    // Redis removes it a little later: the hubs' clocks decide.
    const removedAt = Number(await redis.command('PEXPIRETIME', key))
    expect([removedAt > expiresAt - 2000, removedAt < expiresAt + 60_000]).toEqual([true, true])
    expect(summary(await migrate(url(), 'elsewhere'))).toMatchObject(moved)
  })

  it('run once more does nothing, also when the hub on Redis has gone on', async () => {
    await fill(sessionsOf(shop.appID, 3))
    expect((await toRedis()).code).toBe(0)
    await redis.command('FLUSHALL')
    const examined = await runCli(folder.path, ['doctor'], onFiles)
    expect(examined.stdout).toContain(`all was moved to the Redis at 127.0.0.1:${redis.port}, prefix wechat-hub:`)
    const again = await toRedis()
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('nothing is left to do')])
    expect(await redis.command('KEYS', '*:r:*')).toEqual([])
    expect((await toRedis('--replace')).code).toBe(0)
    expect(await redis.command('KEYS', '*:r:*')).toHaveLength(3)
  })

  it('killed on the way and run again brings all', async () => {
    const entries = sessionsOf(shop.appID, 20_000)
    await fill(entries)
    const child = spawn(process.execPath, [built('src/cli.ts'), 'migrate', '--from', 'data', '--to', redis.url], {
      cwd: folder.path,
      env: { PATH: process.env['PATH'], ...onFiles },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr.on('data', (chunk) => {
      if (String(chunk).includes('sessions')) child.kill('SIGKILL')
    })
    await once(child, 'close')
    expect(child.signalCode).toBe('SIGKILL')
    const half = await redis.command('KEYS', '*:r:s/*')
    expect(Array.isArray(half) ? half.length : 0).toBeLessThan(20_000)
    await expect(hub({})).rejects.toThrow('If it was interrupted, run wechat-hub migrate again')
    const examined = await runCli(folder.path, ['doctor'], onFiles)
    expect(examined.stdout).toContain(`all is being moved to the Redis at 127.0.0.1:${redis.port}, prefix wechat-hub:`)
    const moved = await toRedis()
    expect(summary(moved)).toMatchObject({ sessions: '20000' })
    expect(await redis.command('KEYS', '*:r:s/*')).toHaveLength(20_000)
  })

  it('killed between its last two steps and run again ends them', async () => {
    await fill(sessionsOf(shop.appID, 1))
    expect((await toRedis()).code).toBe(0)
    const key = 'wechat-hub:{hub}:text:move'
    const done = String(await redis.command('GET', key))
    await redis.command('SET', key, done.replace('"here"', '"copying"'))
    expect((await toRedis()).code).toBe(0)
    expect(await redis.command('GET', key)).toContain('"here"')
  })

  it('takes the source’s token in place of one of a trial, whose versions are higher', async () => {
    const web = await addClient('web', ['token'])
    const give = async (running: HubInFolder) => {
      return (await readJson<Given>(await running.request('/v1/shop/access-token', { key: web }))).access_token
    }
    await addClient('other', ['token'], onRedis())
    const trial = await hub({ ...onRedis(), WECHAT_HUB_KEY: 'the-key-of-the-tests-0001' })
    const ofTrial = await readJson<Given>(
      await trial.request('/v1/shop/access-token', { key: 'the-key-of-the-tests-0001' }),
    )
    await stop(trial)
    const onFolder = await hub(onFiles)
    const living = await give(onFolder)
    expect(living).not.toBe(ofTrial.access_token)
    await stop(onFolder)
    // As many fetches were counted here as there.
    expect(summary(await toRedis('--replace'))['credentials']).toBe('1; 1 there already')
    const moved = await hub(onRedis())
    expect(await give(moved)).toBe(living)
    expect(sandbox.requests.count('/cgi-bin/token')).toBe(2)
  })

  it('does not put a token in the place of another living one unless it is told to', async () => {
    await fetchToken({})
    const [name, key] = ['access_token', credentialKey]
    const other = { access_token: 'other', expires_in: 7200, expires_time: Date.now() + 7_000_000, version: 1.8e12 }
    await redis.command('SET', key, JSON.stringify(other))
    const refused = await toRedis()
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining(`has a living ${name} of ${shop.appID}, which is another one`),
    ])
    expect(JSON.parse(String(await redis.command('GET', key)))).toEqual(other)
    expect(await redis.command('KEYS', '*:text:*')).toEqual([])
    await stop(await hub({}))

    expect(summary(await toRedis('--replace'))['credentials']).toBe('2')
    const { version, ...copied } = JSON.parse(String(await redis.command('GET', key)))
    expect(version).toBe(1.8e12 + 1)
    expect(copied['access_token']).not.toBe('other')
  })

  it.each([
    ['dead', () => JSON.stringify({ access_token: 'other', expires_time: Date.now() - 1, version: 1.8e12 })],
    ['broken', () => '{"version":"many"}'],
    [
      'without a version that a hub understands',
      () => JSON.stringify({ access_token: 'other', expires_time: Date.now() + 7_000_000, version: 2 ** 52 }),
    ],
  ])('puts it in the place of one that is %s', async (_what, other) => {
    const token = await fetchToken({})
    await redis.command('SET', credentialKey, other())
    expect(summary(await toRedis())['credentials']).toBe('2')
    expect(await fetchToken(onRedis())).toBe(token)
    expect(sandbox.requests.count('/cgi-bin/token')).toBe(1)
  })

  it('leaves the token alone with which hubs went on since all was moved', async () => {
    await fetchToken({})
    expect((await toRedis()).code).toBe(0)
    const { version } = JSON.parse(String(await redis.command('GET', credentialKey)))
    const newer = { access_token: 'newer', expires_time: Date.now() + 7_000_000, version: version + 1 }
    await redis.command('SET', credentialKey, JSON.stringify(newer))
    expect((await toRedis()).stdout).toContain('nothing is left to do')
    expect(summary(await toRedis('--replace'))['credentials']).toBe('0; 2 there already')
    expect(JSON.parse(String(await redis.command('GET', credentialKey)))).toEqual(newer)
    expect(await fetchToken(onRedis())).toBe('newer')
    // And back: what is in the folder is old.
    expect(summary(await toFolder())['credentials']).toMatch(/^[12]/)
    expect(await fetchToken({})).toBe('newer')
  })

  it('lets no hub in on the source while it copies', async () => {
    await addClient('crm', ['token'], onRedis())
    let refused: unknown
    await moveFromRedis(async () => {
      refused ??= await hub(onRedis()).catch((error: unknown) => error)
    })
    expect(refused).toMatchObject({
      code: 'STORE_MOVED',
      message: expect.stringMatching(/^this store is being moved to .*elsewhere since .*wait until that has ended/),
    })
    await expect(hub(onRedis())).rejects.toThrow('this store was moved to')
  })

  it('is refused at its end when a hub has got in all the same, which goes on', async () => {
    await addClient('crm', ['token'], onRedis())
    let got: HubInFolder | undefined
    const gettingIn = async () => {
      if (got !== undefined) return
      await redis.command('DEL', 'wechat-hub:{hub}:text:move')
      got = await hub(onRedis())
    }
    await expect(moveFromRedis(gettingIn)).rejects.toThrow('stop all hubs there first')
    if (got !== undefined) await stop(got)
    await stop(await hub(onRedis()))
    await expect(hub({ WECHAT_HUB_DATA: 'elsewhere' })).rejects.toThrow('not all of it is here')
    expect((await migrate(url(), 'elsewhere')).code).toBe(0)
    await stop(await hub({ WECHAT_HUB_DATA: 'elsewhere' }))
  })

  it('leaves the source as it was when it fails on the way', async () => {
    await addClient('crm', ['token'], onRedis())
    await expect(moveFromRedis(() => Promise.reject(new Error('the disk is full')))).rejects.toThrow('the disk is full')
    await stop(await hub(onRedis()))
    await expect(hub({ WECHAT_HUB_DATA: 'elsewhere' })).rejects.toThrow('not all of it is here')
  })

  it('half a copy is no source', async () => {
    await redis.command(
      'SET',
      'wechat-hub:{hub}:text:move',
      `${'0'.repeat(36)}{"state":"copying","other":"/data","at":"2026"}`,
    )
    const { code, stderr } = await toFolder()
    expect([code, stderr]).toEqual([1, expect.stringContaining('is not whole: it was being filled from /data')])
  })

  it('refuses while a hub runs on either side, and changes nothing', async () => {
    const running = await hub({})
    const onOpenFolder = await toRedis()
    expect([onOpenFolder.code, onOpenFolder.stderr]).toEqual([1, expect.stringContaining('stop the hub first')])
    await stop(running)
    const shared = await hub(onRedis())
    for (const ended of [await toRedis(), await toFolder()]) {
      expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('stop all hubs there first')])
    }
    await stop(shared)
  })

  it('asks what is to become of session_keys that no key on Redis could open', async () => {
    const first = await hub({})
    const visitor = await logIn(first)
    await stop(first)
    const env = { REDIS_PASSWORD: password }
    const args = ['migrate', '--from', 'data', '--to', url()]
    const asked = await runCli(folder.path, args, env)
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining('87009')])
    expect(asked.stderr).toContain('--without-session-keys')
    expect(await redis.command('KEYS', '*:text:*')).toEqual([])
    const moved = await runCli(folder.path, [...args, '--without-session-keys'], env)
    expect(summary(moved)).toMatchObject({ sessions: '1', session_keys: '0; 1 dropped' })
    const second = await hub(onRedis())
    expect(await statusOf(second, visitor.session)).toBe(200)
    expect(await decrypted(second, visitor)).toBe(87009)
  })

  it('does not put clients in the place of others unless it is told to', async () => {
    const crm = await addClient('crm', ['token'])
    const other = await addClient('other', ['token'], onRedis())
    const refused = await toRedis()
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('with --replace')])
    expect((await toRedis('--replace')).code).toBe(0)
    const running = await hub(onRedis())
    expect((await running.request('/v1/shop/access-token', { key: crm })).status).toBe(200)
    expect((await running.request('/v1/shop/access-token', { key: other })).status).toBe(401)
  })

  it('says what is wrong with what was typed', async () => {
    await fill([])
    const wrong = [
      [await migrate('nowhere', url()), 'there is no folder'],
      [await migrate('data', 'http://127.0.0.1'), 'begins with redis://'],
      [await migrate('data', 'redis://127.0.0.1:1/x/y'), 'this is no URL of a Redis'],
      [await migrate(url(), url()), 'are the same place'],
      [await toRedis(), 'there is nothing of a hub in'],
      [await toFolder('--from-prefix', 'other:'), 'prefix other:: is that the right one?'],
      [await toRedis('--to-prefix', 'a b'), 'a prefix has 1 to 64 characters'],
      [await migrate('data', `redis://:${'wrong-canary'}@127.0.0.1:${redis.port}`), 'cannot be used'],
    ] as const
    for (const [{ code, stdout, stderr }, sentence] of wrong) {
      expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining(sentence)])
      expect(stderr).not.toContain('canary')
    }
  })
})

describeWithRedis('wechat-hub migrate, with a cluster', () => {
  it('finds accounts on every master', async () => {
    const cluster = await RedisCluster.start()
    const others = ['wx00000000000000a1', 'wx00000000000000b2', 'wx00000000000000c3', 'wx00000000000000d4']
    try {
      await fill(others.flatMap((appID) => sessionsOf(appID, 30)))
      const there = await runCli(folder.path, ['migrate', '--from', 'data', '--to', cluster.url])
      expect([there.stderr, summary(there)['sessions']]).toEqual([expect.stringContaining('All is copied'), '120'])
      const back = await runCli(folder.path, ['migrate', '--from', cluster.url, '--to', 'elsewhere'])
      expect([back.stderr, summary(back)['sessions']]).toEqual([expect.stringContaining('All is copied'), '120'])
    } finally {
      await cluster.stop()
    }
  })
})
