import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { built } from '../support/built.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { hubKey, readJson, shop } from '../support/running-hub.js'
import { ConfiguredFolder } from './configured-folder.js'
import { type HubInFolder, startHub } from './hub-in-folder.js'
import { type Ended, runCli } from './run-cli.js'

const password = 'canary-of-another-redis-01'
const ticket = 'bxLdikRXVbTPdHSM05e5u5sUoXNKd8_MJS'

let sandbox: Sandbox
let folder: ConfiguredFolder
let redis: RedisServer
let hubs: HubInFolder[]
/** The token that the other program has fetched. */
let token: string

beforeEach(async () => {
  hubs = []
  sandbox = new Sandbox({ accounts: [shop] })
  const apiDomain = await sandbox.listen()
  folder = await ConfiguredFolder.make(apiDomain)
  redis = await RedisServer.start({ password })
  token = sandbox.tokens.issue(shop.appID, 'token').access_token
})

afterEach(async () => {
  for (const hub of hubs) await hub.close()
  await redis.stop()
  await folder.remove()
  await sandbox.close()
})

const from = () => `redis://127.0.0.1:${redis.port}`
const onFiles = { WECHAT_HUB_KEY: hubKey, REDIS_PASSWORD: password }
const onRedis = () => ({ ...onFiles, REDIS_URL: from() })

function take(args: readonly string[], env: NodeJS.ProcessEnv = onFiles): Promise<Ended> {
  return runCli(folder.path, ['import', '--account', 'shop', ...args], env)
}

async function given(env: NodeJS.ProcessEnv = onFiles, path = '/v1/shop/access-token') {
  const hub = await startHub(folder, env)
  hubs.push(hub)
  return readJson<{ access_token: string; ticket: string; expires_in: number; from: string }>(
    await hub.request(path, { key: hubKey }),
  )
}

function php(text: string): string {
  return `s:${Buffer.byteLength(text)}:"${text}";`
}

function phpArray(fields: Readonly<Record<string, string | number>>): string {
  const entries = Object.entries(fields).map(
    ([name, value]) => php(name) + (typeof value === 'string' ? php(value) : `i:${value};`),
  )
  return `a:${entries.length}:{${entries.join('')}}`
}

interface Left {
  readonly of: string
  readonly sdk: string
  readonly key: string
  readonly value: () => string
  /** Of the ticket, if this SDK keeps one there. */
  readonly ticket?: { readonly key: string; readonly value: string }
}

const { appID, appSecret } = shop
const credentials = JSON.stringify({ grant_type: 'client_credential', appid: appID, secret: appSecret })

const left: readonly Left[] = [
  {
    of: 'WxJava, 公众号',
    sdk: 'wxjava',
    key: `wx:access_token:${appID}`,
    value: () => token,
    ticket: { key: `wx:ticket:key:${appID}:jsapi`, value: ticket },
  },
  { of: 'WxJava, 小程序', sdk: 'wxjava', key: `wa:access_token:${appID}`, value: () => token },
  {
    of: 'WxJava with Redisson and JSON',
    sdk: 'wxjava',
    key: `app:wechat_ma_access_token_key:${appID}`,
    value: () => JSON.stringify(token),
  },
  {
    of: 'EasyWeChat 6',
    sdk: 'easywechat',
    key: `easywechat:official_account.access_token.${appID}.${appSecret}.0`,
    value: () => php(token),
    ticket: { key: `easywechat:official_account.jsapi_ticket.${appID}`, value: php(ticket) },
  },
  {
    of: 'EasyWeChat 6 in Laravel',
    sdk: 'easywechat',
    key: `laravel_database_laravel_cache_:mini_app.access_token.${appID}.${appSecret}.0`,
    value: () => php(token),
  },
  {
    of: 'the first EasyWeChat 6',
    sdk: 'easywechat',
    key: `official_account.access_token.${appID}`,
    value: () => php(token),
  },
  {
    of: 'EasyWeChat 5',
    sdk: 'easywechat',
    key: `Xn1:easywechat.kernel.access_token.${createHash('md5').update(credentials).digest('hex')}`,
    value: () => phpArray({ access_token: token, expires_in: 7200 }),
    ticket: {
      key: `Xn1:easywechat.basic_service.jssdk.ticket.jsapi.${appID}`,
      value: phpArray({ errcode: 0, errmsg: 'ok', ticket, expires_in: 7200 }),
    },
  },
  {
    of: 'silenceper/wechat, 公众号',
    sdk: 'silenceper',
    key: `gowechat_officialaccount__access_token_${appID}`,
    value: () => JSON.stringify(token),
    ticket: { key: `gowechat_officialaccount__jsapi_ticket_${appID}`, value: JSON.stringify(ticket) },
  },
  {
    of: 'silenceper/wechat, 小程序',
    sdk: 'silenceper',
    key: `gowechat_miniprogram__access_token_${appID}`,
    value: () => JSON.stringify(token),
  },
]

describeWithRedis('wechat-hub import', () => {
  it.each(left)('takes over what $of left, and the hub serves it without a fetch', async (one) => {
    await redis.command('SET', one.key, one.value(), 'EX', '5000')
    if (one.ticket !== undefined) await redis.command('SET', one.ticket.key, one.ticket.value, 'EX', '4000')
    const { code, stdout, stderr } = await take(['--from', from(), '--sdk', one.sdk])
    expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^access_token +taken over, 49\d\d s left/)
    for (const secret of [token, ticket, appSecret, password]) expect(stdout + stderr).not.toContain(secret)
    const served = await given()
    expect(served).toMatchObject({ access_token: token, from: 'store' })
    expect([served.expires_in > 4900, served.expires_in <= 4970]).toEqual([true, true])
    if (one.ticket !== undefined) {
      expect(stdout).toMatch(/\njsapi_ticket +taken over, 39\d\d s left/)
      const answer = await hubs[0]?.request('/v1/shop/ticket?type=jsapi', { key: hubKey })
      expect(answer && (await readJson(answer))).toMatchObject({ ticket, from: 'store' })
    }
    expect(sandbox.requests.count('/cgi-bin/token')).toBe(0)
    expect(sandbox.requests.count('/cgi-bin/ticket/getticket')).toBe(0)
  })

  it('stores it in Redis where the hub does, and a running hub takes it up', async () => {
    const running = await startHub(folder, onRedis())
    hubs.push(running)
    await redis.command('SET', `wx:access_token:${appID}`, token, 'EX', '5000')
    expect((await take(['--from', from(), '--sdk', 'wxjava'], onRedis())).code).toBe(0)
    const served = await readJson(await running.request('/v1/shop/access-token', { key: hubKey }))
    expect(served).toMatchObject({ access_token: token, from: 'store' })
    expect(sandbox.requests.count('/cgi-bin/token')).toBe(0)
  })

  it('reads a key that is named, and the hash of older WxJava', async () => {
    const expire = Date.now() + 3_000_000
    await redis.command('HSET', 'maConfig:accessToken', 'value', token, 'expire', String(expire))
    const { code, stdout } = await take(['--from', from(), '--sdk', 'wxjava', '--key', 'maConfig:accessToken'])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/taken over, 29\d\d s left/)])
    expect((await given()).access_token).toBe(token)
  })

  it('takes a token from stdin', async () => {
    const args = ['import', '--account', 'shop', '--token-stdin', '--expires-in', '3600']
    const child = spawn(process.execPath, [built('src/cli.ts'), ...args], {
      cwd: folder.path,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    child.stdin.end(`${token}\n`)
    await once(child, 'close')
    expect(child.exitCode).toBe(0)
    expect((await given()).access_token).toBe(token)
  })

  it('leaves the living token of the hub alone unless it is told to', async () => {
    const hub = await given()
    await redis.command('SET', `wx:access_token:${appID}`, token, 'EX', '5000')
    const refused = await take(['--from', from(), '--sdk', 'wxjava'])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('the hub has a living one for shop')])
    const replaced = await take(['--from', from(), '--sdk', 'wxjava', '--replace'])
    expect([replaced.code, replaced.stdout]).toEqual([0, expect.stringContaining('taken over')])
    expect(hub.access_token).not.toBe(token)
    // The hub is told of it within a second.
    const served = async () => {
      const now = await hubs[0]?.request('/v1/shop/access-token', { key: hubKey })
      return now && (await readJson<{ access_token: string }>(now)).access_token
    }
    await expect.poll(served).toBe(token)
  })

  it('asks WeChat first, and stores nothing that WeChat refuses', async () => {
    sandbox.tokens.issue(appID, 'token', { atOnce: true })
    await redis.command('SET', `wx:access_token:${appID}`, token, 'EX', '5000')
    const refused = await take(['--from', from(), '--sdk', 'wxjava'])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('WeChat does not take it (40001)')])
    expect((await take(['--from', from(), '--sdk', 'wxjava', '--unverified'])).code).toBe(0)
    expect(sandbox.requests.count('/cgi-bin/token')).toBe(0)
  })

  it('refuses what has no end, a wrong one, or nearly ends, and forms that it does not know', async () => {
    const key = `wx:access_token:${appID}`
    const cases = [
      [['SET', key, token], 'it has no end in Redis'],
      [['SET', key, token, 'EX', '7300'], 'lives two hours at most'],
      [['SET', key, token, 'EX', '45'], 'which is too little'],
      [['SET', key, '\u0004>\u0001\u0088token', 'EX', '5000'], 'is no token in a form that is known'],
    ] as const
    for (const [command, sentence] of cases) {
      await redis.command(...command)
      const { code, stdout, stderr } = await take(['--from', from(), '--sdk', 'wxjava'])
      expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining(sentence)])
      expect(stderr).not.toContain(token)
    }
    await redis.command('DEL', key)
    expect((await take(['--from', from(), '--sdk', 'wxjava'])).stderr).toContain('there is no token in the Redis at')
    for (const start of ['one', 'two'])
      await redis.command('SET', `${start}:access_token:${appID}`, token, 'EX', '5000')
    expect((await take(['--from', from(), '--sdk', 'wxjava'])).stderr).toContain('Name the right one with --key')
  })

  it('says what is wrong with what was typed', async () => {
    const cases: readonly (readonly [string[], string])[] = [
      [[], 'give --from'],
      [['--from', from()], '--sdk is one of wxjava, easywechat, silenceper'],
      [['--from', from(), '--sdk', 'toString'], '--sdk is one of'],
      [['--from', 'http://x', '--sdk', 'wxjava'], 'this is no URL of a Redis'],
      [['--token-stdin'], 'give --expires-in'],
      [['--token-stdin', '--expires-in', '10', '--sdk', 'wxjava'], 'leave --from, --sdk and --key out'],
    ]
    for (const [args, sentence] of cases) {
      const { code, stderr } = await take(args)
      expect([args, code, stderr]).toEqual([args, 1, expect.stringContaining(sentence)])
    }
  })
})
