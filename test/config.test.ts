import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError, type Fault, loadConfig } from '../src/config.js'

const appID = 'wx0123456789abcdef'
const otherAppID = 'wxfedcba9876543210'
const appSecret = '0123456789abcdef0123456789ABCDEF'
const aesKey = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG'
const hash = (text: string) => createHash('sha256').update(text).digest('hex')

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wechat-hub-config-'))
  mkdirSync(join(folder, 'config'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function put(name: string, content: unknown, under = 'config'): void {
  mkdirSync(join(folder, under), { recursive: true })
  writeFileSync(join(folder, under, name), typeof content === 'string' ? content : JSON.stringify(content))
}

const load = (env: NodeJS.ProcessEnv = {}) => loadConfig({ env, cwd: folder })

function refusal(env: NodeJS.ProcessEnv = {}): ConfigError {
  try {
    load(env)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('the configuration was accepted')
}

const fields = (error: ConfigError) => error.faults.map((fault: Fault) => fault.field)

function account(over: Record<string, unknown> = {}) {
  return { appID, appSecret, token: 'weixin', ...over }
}

function client(over: Record<string, unknown> = {}) {
  return { keyHash: hash('a'), accounts: ['*'], scopes: ['token'], ...over }
}

const shop = (over: Record<string, unknown>) => ({ accounts: { shop: account(over) } })
const xmlRoute = (over: Record<string, unknown> = {}) => ({
  match: { MsgType: 'event' },
  to: 'http://10.0.0.7:8001/wx',
  format: 'xml',
  token: 'backEnd',
  ...over,
})
const jsonRoute = (over: Record<string, unknown> = {}) => ({
  to: 'http://10.0.0.7:8002/bot',
  format: 'json',
  secret: 's'.repeat(16),
  ...over,
})
const routed = (...routes: unknown[]) => shop({ routes })
const matching = (match: unknown) => routed(xmlRoute({ match }))
const crm = (over: Record<string, unknown>) => ({ accounts: { shop: account() }, clients: { crm: client(over) } })

const environmentAccount = { WECHAT_APPID: appID, WECHAT_APPSECRET: appSecret, WECHAT_TOKEN: 'weixin' }

describe('Redis', () => {
  it('is used where REDIS_URL says so, with the passwords of the environment', () => {
    const env = {
      REDIS_URL: 'rediss://redis.internal:6380/2',
      REDIS_PASSWORD: 'hunter2',
      REDIS_SENTINEL_PASSWORD: 'hunter3',
    }
    const url = 'rediss://redis.internal:6380/2'
    expect(load({ ...environmentAccount, ...env }).redis).toEqual({
      ...{ url, prefix: 'wechat-hub:', password: 'hunter2', sentinelPassword: 'hunter3' },
    })
    expect(load({ ...environmentAccount, REDIS_URL: '' }).redis.url).toBe('')
  })

  it('needs one key for the session_keys of mini programs, which all hubs have', () => {
    const env = { ...environmentAccount, WECHAT_ACCOUNT_TYPE: 'miniprogram', REDIS_URL: 'redis://:hunter2@localhost' }
    const { message, faults } = refusal(env)
    expect(faults.map(({ field }) => field)).toEqual(['sessions.key'])
    expect(message).toContain('WECHAT_HUB_SESSION_KEY')
    expect(message).not.toContain('hunter2')
    expect(load({ ...env, WECHAT_HUB_SESSION_KEY: 'a'.repeat(64) }).redis.url).toContain('localhost')
  })
})

describe('a client', () => {
  it('may be for the account of the sandbox, which is named default', () => {
    put('local.json', { clients: { crm: client({ accounts: ['default'] }) } })
    expect(load().clients['crm']?.accounts).toEqual(['default'])
  })
})

describe('defaults and layers', () => {
  it('has every default without any file or variable', () => {
    expect(load()).toEqual({
      server: { port: 3000, host: '::', trustProxy: false, workers: 1 },
      dataDir: join(folder, 'data'),
      redis: { url: '', prefix: 'wechat-hub:' },
      wechat: { apiDomain: 'https://api.weixin.qq.com/', timeout: 5000, expiryMargin: 20, refreshAhead: 290 },
      log: { level: 'info' },
      limits: { clientPerMinute: 60_000, refusedPerMinute: 300, pagesPerMinute: 600, loginsPerMinute: 600 },
      sessions: { ttl: 1800, maxLife: 2_592_000, grace: 60, userDataMaxAge: 0 },
      sandbox: { port: 3001 },
      accounts: {},
      clients: {},
    })
  })

  it('makes an account named default of the environment', () => {
    expect(load(environmentAccount).accounts).toEqual({
      default: {
        type: 'official',
        appID,
        appSecret,
        endpoint: 'token',
        token: ['weixin'],
        encodingAESKey: [],
        mode: 'plain',
        dailyTokens: 2000,
        jsDomains: [],
        routes: [],
      },
    })
  })

  it('reads every variable', () => {
    const config = load({
      ...environmentAccount,
      PORT: '0',
      HOST: '127.0.0.1',
      WECHAT_ENCODING_AES_KEY: aesKey,
      WECHAT_ENDPOINT: 'stable_token',
      WECHAT_ACCOUNT_TYPE: 'miniprogram',
      WECHAT_DAILY_TOKENS: '200',
      WECHAT_API_DOMAIN: 'http://127.0.0.1:8080',
      WECHAT_HUB_DATA: '/var/lib/hub',
      WECHAT_HUB_KEY: 'x'.repeat(20),
      WECHAT_SANDBOX_PORT: '65535',
      LOG_LEVEL: 'debug',
    })
    expect(config).toMatchObject({
      server: { port: 0, host: '127.0.0.1' },
      dataDir: '/var/lib/hub',
      wechat: { apiDomain: 'http://127.0.0.1:8080/' },
      log: { level: 'debug' },
      sandbox: { port: 65535 },
      accounts: {
        default: {
          type: 'miniprogram',
          endpoint: 'stable_token',
          dailyTokens: 200,
          mode: 'safe',
          encodingAESKey: [aesKey],
        },
      },
      key: 'x'.repeat(20),
    })
  })

  it('lets each layer win over the one below: package, default, NODE_ENV, local, environment', () => {
    put('default.json', {
      server: { port: 1 },
      wechat: { timeout: 201, expiryMargin: 1, refreshAhead: 201 },
      log: { level: 'warn' },
    })
    put('staging.json', {
      server: { port: 2 },
      wechat: { expiryMargin: 2, refreshAhead: 202 },
      log: { level: 'error' },
    })
    put('local.json', { server: { port: 3 }, wechat: { refreshAhead: 203 } })
    const config = load({ NODE_ENV: 'staging', PORT: '4' })
    expect(config.server).toEqual({ port: 4, host: '::', trustProxy: false, workers: 1 })
    expect(config.wechat).toMatchObject({ timeout: 201, expiryMargin: 2, refreshAhead: 203 })
    expect(config.log.level).toBe('error')
  })

  it('counts an empty variable as unset', () => {
    put('local.json', { server: { port: 3 } })
    expect(load({ PORT: '', WECHAT_APPID: '', NODE_CONFIG_DIR: '' })).toMatchObject({
      server: { port: 3 },
      accounts: {},
    })
  })

  it('takes comments and trailing commas, as the config package does', () => {
    put('local.json', '{ /* mine */ "server": { "port": 3, }, }')
    expect(load().server.port).toBe(3)
  })

  it('reads NODE_CONFIG_DIR instead of ./config, and several folders', () => {
    put('local.json', { server: { port: 3 } })
    put('local.json', { server: { port: 5 } }, 'one')
    put('local.json', { log: { level: 'warn' } }, 'two')
    const config = load({ NODE_CONFIG_DIR: ['one', join(folder, 'two')].join(delimiter) })
    expect(config).toMatchObject({ server: { port: 5 }, log: { level: 'warn' } })
  })

  it("reads the operator's layers of the package's own folder, without its defaults winning over others", () => {
    put('default.json', { server: { port: 5 } }, 'one')
    const own = resolve(import.meta.dirname, '../config')
    expect(load({ NODE_CONFIG_DIR: ['one', own].join(delimiter) }).server.port).toBe(5)
  })

  it('ignores the command line and process.env', () => {
    const argv = process.argv
    process.argv = [...argv, '--PORT=9', '--NODE_CONFIG_DIR=/nowhere', '--NODE_CONFIG={"server":{"port":9}}']
    process.env['PORT'] = '9'
    try {
      expect(load().server.port).toBe(3000)
    } finally {
      process.argv = argv
      delete process.env['PORT']
    }
  })

  it('finds its defaults when installed elsewhere and started in an empty folder', () => {
    const installed = join(folder, 'app/node_modules/wechat-hub')
    const root = resolve(import.meta.dirname, '..')
    mkdirSync(installed, { recursive: true })
    for (const part of ['src', 'config', 'package.json'])
      cpSync(join(root, part), join(installed, part), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'))
    mkdirSync(join(folder, 'empty'))
    const script = `import { loadConfig } from '${installed}/src/config.ts'; process.stdout.write(JSON.stringify(loadConfig({env: {}})))`
    const run = spawnSync(
      process.execPath,
      ['--import', join(root, 'node_modules/tsx/dist/esm/index.mjs'), '--input-type=module', '-e', script],
      {
        cwd: join(folder, 'empty'),
        encoding: 'utf8',
      },
    )
    expect(run.stderr).toBe('')
    expect(JSON.parse(run.stdout)).toMatchObject({ server: { port: 3000 }, dataDir: join(folder, 'empty/data') })
  })

  it('is frozen all through', () => {
    put('local.json', {
      ...crm({}),
      ...routed(xmlRoute({ match: { Event: ['subscribe'], Content: { regex: 'a' } } }), jsonRoute()),
    })
    const open: unknown[] = []
    const walk = (value: unknown) => {
      if (typeof value !== 'object' || value === null) return
      if (!Object.isFrozen(value)) open.push(value)
      for (const inner of Object.values(value)) walk(inner)
    }
    walk(load())
    expect(open).toEqual([])
  })

  it('makes lists of single values, newest first, and lower-case hashes', () => {
    put('local.json', {
      accounts: { shop: account({ token: ['newToken', 'oldToken'], encodingAESKey: aesKey, mode: 'compatible' }) },
      clients: {
        crm: client({
          keyHash: [hash('a').toUpperCase(), hash('b')],
          accounts: ['shop'],
          scopes: ['gateway:/cgi-bin/message/*', 'admin'],
        }),
      },
    })
    const { accounts, clients } = load()
    expect(accounts['shop']).toMatchObject({
      token: ['newToken', 'oldToken'],
      encodingAESKey: [aesKey],
      mode: 'compatible',
    })
    expect(clients['crm']?.keyHash).toEqual([hash('a'), hash('b')])
  })

  it.each([
    ['https://api.weixin.qq.com', 'https://api.weixin.qq.com/'],
    ['https://api2.weixin.qq.com:8443/', 'https://api2.weixin.qq.com:8443/'],
    ['http://localhost:3001', 'http://localhost:3001/'],
    ['http://[::1]:3001', 'http://[::1]:3001/'],
  ])('takes %s as an API origin', (given, kept) => {
    expect(load({ WECHAT_API_DOMAIN: given }).wechat.apiDomain).toBe(kept)
  })

  it('takes each number at its bounds', () => {
    put('local.json', {
      server: { port: 65535 },
      wechat: { timeout: 100, expiryMargin: 298, refreshAhead: 299 },
      accounts: { a: account({ dailyTokens: 1 }) },
    })
    expect(load().wechat).toMatchObject({ timeout: 100, expiryMargin: 298, refreshAhead: 299 })
    put('local.json', {
      wechat: { timeout: 30_000, expiryMargin: 300, refreshAhead: 0 },
      accounts: { a: account({ dailyTokens: 100_000 }) },
    })
    expect(load().wechat).toMatchObject({ timeout: 30_000, expiryMargin: 300, refreshAhead: 0 })
  })
})

describe('routes', () => {
  const routesOf = (...routes: unknown[]) => {
    put('local.json', routed(...routes))
    return load().accounts['shop']?.routes
  }

  it('have a default for all but to, format and what signs', () => {
    const { match: _, ...anyXml } = xmlRoute()
    expect(routesOf(anyXml, { ...jsonRoute(), observe: true })).toEqual([
      {
        match: {},
        to: 'http://10.0.0.7:8001/wx',
        format: 'xml',
        token: 'backEnd',
        observe: false,
        late: 'customer-service',
        timeout: 60,
      },
      {
        match: {},
        to: 'http://10.0.0.7:8002/bot',
        format: 'json',
        secret: 's'.repeat(16),
        observe: true,
        late: 'customer-service',
        timeout: 10,
      },
    ])
  })

  it('are taken as they are, in their order', () => {
    const given = [
      xmlRoute({
        match: { 'ScanCodeInfo.ScanType': 'qrcode', Event: ['a', 'b'], Content: { regex: '^a+$' }, EventKey: '' },
        to: 'https://back.example:8443/wx?shop=1&key=2',
        late: 'retry',
        timeout: 1,
      }),
      jsonRoute({ observe: false, late: 'drop', timeout: 300, secret: '!~'.repeat(128) }),
    ]
    expect(routesOf(...given)).toEqual([
      { ...given[0], observe: false },
      { ...given[1], match: {} },
    ])
  })

  it.each([
    ['http://localhost', 'http://localhost/'],
    ['HTTP://[fd00::1]:8080/wx', 'http://[fd00::1]:8080/wx'],
    ['https://back.example?a=b@c', 'https://back.example/?a=b@c'],
    ['http://back.example/a@b:c', 'http://back.example/a@b:c'],
    [`http://back.example/${'a'.repeat(2028)}`, `http://back.example/${'a'.repeat(2028)}`],
  ])('may go to %.40s', (given, kept) => {
    expect(routesOf(xmlRoute({ to: given }))).toMatchObject([{ to: kept }])
  })

  it('are at most 100, of at most 20 fields, of at most 100 texts', () => {
    const texts = Array.from({ length: 100 }, (_, i) => `text${i}`)
    const match = Object.fromEntries(texts.slice(0, 20).map((name) => [name, texts]))
    const many = texts.map((text) => xmlRoute({ match: { ...match, text0: text } }))
    expect(routesOf(...many)).toHaveLength(100)
  })

  it('may observe the same messages at several back ends, several kinds at one, and where one answers', () => {
    expect(
      routesOf(
        jsonRoute({ match: { MsgType: 'voice' } }),
        jsonRoute({ observe: true, match: { MsgType: 'voice' } }),
        jsonRoute({ observe: true }),
        jsonRoute({ observe: true, to: 'http://b/' }),
        jsonRoute({ observe: true, match: { MsgType: 'text' } }),
        jsonRoute(),
        jsonRoute({ observe: true, match: { MsgType: 'image' } }),
      ),
    ).toHaveLength(7)
  })

  it('are told all that is wrong with them at once', () => {
    put(
      'local.json',
      routed(
        xmlRoute({ to: 'x', token: undefined, timeout: 0 }),
        jsonRoute({ match: { Event: [1], Content: { regex: '(' } }, observe: true, late: 'drop' }),
        xmlRoute({ to: 'y', observe: true }),
        xmlRoute({ to: 'z', observe: true }),
      ),
    )
    expect(fields(refusal()).sort()).toEqual([
      'accounts.shop.routes.0.timeout',
      'accounts.shop.routes.0.to',
      'accounts.shop.routes.0.token',
      'accounts.shop.routes.1.late',
      'accounts.shop.routes.1.match.Content.regex',
      'accounts.shop.routes.1.match.Event.0',
      'accounts.shop.routes.2.to',
      'accounts.shop.routes.3.to',
    ])
  })

  it('of the account of the environment are those of the file', () => {
    put('local.json', { accounts: { default: { routes: [jsonRoute()] } } })
    expect(load(environmentAccount).accounts['default']?.routes).toHaveLength(1)
  })
})

interface Bad {
  file?: unknown
  env?: NodeJS.ProcessEnv
  field: string
  variable?: string
  /** What must not be said. */
  value?: string
  says?: RegExp
}

const bad: Record<string, Bad> = {
  'a port too large': { file: { server: { port: 65_536 } }, field: 'server.port', variable: 'PORT', value: '65536' },
  'a port below 0': { file: { server: { port: -1 } }, field: 'server.port', value: '-1' },
  'a port with a fraction': { file: { server: { port: 80.25 } }, field: 'server.port', value: '80.25' },
  'a port as text in a file': { file: { server: { port: '8123' } }, field: 'server.port', value: '8123' },
  'PORT with a letter': { env: { PORT: '3789x' }, field: 'server.port', variable: 'PORT', value: '3789x' },
  'PORT with an exponent': { env: { PORT: '1e3' }, field: 'server.port', variable: 'PORT', value: '1e3' },
  'PORT with a space': { env: { PORT: ' 3789' }, field: 'server.port', variable: 'PORT', value: '3789' },
  'PORT in hex': { env: { PORT: '0x1F' }, field: 'server.port', variable: 'PORT', value: '0x1F' },
  'PORT with a leading zero': { env: { PORT: '0789' }, field: 'server.port', value: '0789' },
  'PORT too large': { env: { PORT: '70123' }, field: 'server.port', value: '70123', says: /too large/ },
  'a host that is none': { env: { HOST: 'my host!' }, field: 'server.host', variable: 'HOST', value: 'my host!' },
  'a host of another type': { file: { server: { host: 5123 } }, field: 'server.host', value: '5123' },
  'trustProxy as text': { file: { server: { trustProxy: 'perhaps' } }, field: 'server.trustProxy', value: 'perhaps' },
  'a section that is no object': { file: { server: 'everything' }, field: 'server', value: 'everything' },
  'an empty dataDir': { file: { dataDir: '' }, field: 'dataDir', variable: 'WECHAT_HUB_DATA' },
  'a dataDir with a line break': { env: { WECHAT_HUB_DATA: 'da\nta7' }, field: 'dataDir', value: 'ta7' },
  'http to elsewhere': {
    env: { WECHAT_API_DOMAIN: 'http://evil.example/' },
    field: 'wechat.apiDomain',
    variable: 'WECHAT_API_DOMAIN',
    value: 'evil.example',
  },
  'http to a look-alike of this machine': {
    env: { WECHAT_API_DOMAIN: 'http://127.0.0.1.evil.example/' },
    field: 'wechat.apiDomain',
    value: 'evil',
  },
  'an API origin with a path': {
    env: { WECHAT_API_DOMAIN: 'https://evil.example/path' },
    field: 'wechat.apiDomain',
    value: 'evil',
  },
  'an API origin with a query': {
    env: { WECHAT_API_DOMAIN: 'https://evil.example/?a=1' },
    field: 'wechat.apiDomain',
    value: 'evil',
  },
  'an API origin with a password': {
    env: { WECHAT_API_DOMAIN: 'https://me:pass77@evil.example/' },
    field: 'wechat.apiDomain',
    value: 'pass77',
  },
  'no URL at all': { env: { WECHAT_API_DOMAIN: 'evil.example' }, field: 'wechat.apiDomain', value: 'evil' },
  'a time-out too short': { file: { wechat: { timeout: 99 } }, field: 'wechat.timeout', value: '99;' },
  'a time-out too long': { file: { wechat: { timeout: 30_001 } }, field: 'wechat.timeout', value: '30001' },
  'a margin too long': { file: { wechat: { expiryMargin: 301 } }, field: 'wechat.expiryMargin', value: '301' },
  'refreshing too far ahead': { file: { wechat: { refreshAhead: 377 } }, field: 'wechat.refreshAhead', value: '377' },
  'a margin not inside refreshAhead': {
    file: { wechat: { expiryMargin: 77, refreshAhead: 77 } },
    field: 'wechat.expiryMargin',
    value: '77',
  },
  'an unknown log level': {
    env: { LOG_LEVEL: 'loud' },
    field: 'log.level',
    variable: 'LOG_LEVEL',
    value: 'loud',
    says: /trace, debug, info/,
  },
  'an unknown setting': {
    file: { wechatt: 'secret1' },
    field: 'wechatt',
    value: 'secret1',
    says: /did you mean "wechat"/,
  },
  'a mistyped setting of an account': {
    file: shop({ appSecrett: 'secret1' }),
    field: 'accounts.shop.appSecrett',
    value: 'secret1',
    says: /did you mean "appSecret"/,
  },
  'a setting in another case': {
    file: shop({ encodingAesKey: aesKey }),
    field: 'accounts.shop.encodingAesKey',
    value: aesKey,
    says: /did you mean "encodingAESKey"/,
  },
  'a URL that is none of Redis': {
    file: { redis: { url: 'http://user:x7y@localhost:6379' } },
    field: 'redis.url',
    value: 'x7y',
    says: /redis\+sentinel:/,
  },
  'a prefix with a brace, which would end the hash tag': {
    file: { redis: { prefix: 'hub{x7y' } },
    field: 'redis.prefix',
    value: 'x7y',
    says: /without spaces/,
  },
  'a section that is not there': {
    file: { database: { url: 'x7y' } },
    field: 'database',
    value: 'x7y',
    says: /remove it/,
  },
  'routes that are no list': { file: shop({ routes: xmlRoute() }), field: 'accounts.shop.routes', value: 'backEnd' },
  'too many routes': {
    file: routed(...Array.from({ length: 101 }, (_, i) => xmlRoute({ match: { Event: `e${i}` } }))),
    field: 'accounts.shop.routes',
    says: /at most 100 routes/,
  },
  'a route that is no object': { file: routed('http://back.example/'), field: 'accounts.shop.routes.0', value: 'back' },
  'a mistyped setting of a route': {
    file: routed(xmlRoute({ matches: { MsgType: 'secret1' } })),
    field: 'accounts.shop.routes.0.matches',
    value: 'secret1',
    says: /did you mean "match"/,
  },
  'a mistyped setting of a JSON route': {
    file: routed(jsonRoute({ timout: 7 })),
    field: 'accounts.shop.routes.0.timout',
    says: /did you mean "timeout"/,
  },
  'a route without a format': {
    file: routed(xmlRoute(), xmlRoute({ format: undefined, match: { MsgType: 'text' } })),
    field: 'accounts.shop.routes.1.format',
    says: /routes\.1\.format: is missing; set one of: xml, json/,
  },
  'an unknown format': {
    file: routed(xmlRoute({ format: 'yaml' })),
    field: 'accounts.shop.routes.0.format',
    value: 'yaml',
    says: /is not allowed; set one of: xml, json/,
  },
  'an XML route without a token': {
    file: routed(xmlRoute({ token: undefined })),
    field: 'accounts.shop.routes.0.token',
    says: /is missing; set the Token of the back end/,
  },
  'a token of a route too short': {
    file: routed(xmlRoute({ token: 'ab' })),
    field: 'accounts.shop.routes.0.token',
    value: 'ab;',
  },
  'a list of tokens of a route': {
    file: routed(xmlRoute({ token: ['backEnd'] })),
    field: 'accounts.shop.routes.0.token',
    value: 'backEnd',
    says: /must not be a list/,
  },
  'an XML route with a secret': {
    file: routed(xmlRoute({ secret: 'q'.repeat(16) })),
    field: 'accounts.shop.routes.0.secret',
    value: 'qqq',
    says: /does not go with the rest; remove it: format xml/,
  },
  'a JSON route without a secret': {
    file: routed(jsonRoute({ secret: undefined })),
    field: 'accounts.shop.routes.0.secret',
    says: /is missing; set a secret of 16 to 256/,
  },
  'a secret of a route too short': {
    file: routed(jsonRoute({ secret: 'q'.repeat(15) })),
    field: 'accounts.shop.routes.0.secret',
    value: 'qqq',
  },
  'a secret of a route too long': {
    file: routed(jsonRoute({ secret: 'q'.repeat(257) })),
    field: 'accounts.shop.routes.0.secret',
    value: 'qqq',
  },
  'a secret of a route with a space': {
    file: routed(jsonRoute({ secret: `${'q'.repeat(16)} q` })),
    field: 'accounts.shop.routes.0.secret',
    value: 'qqq',
  },
  'a JSON route with a token': {
    file: routed(jsonRoute({ token: 'backEnd' })),
    field: 'accounts.shop.routes.0.token',
    value: 'backEnd',
    says: /does not go with the rest; remove it: format json/,
  },
  'a route without a URL': {
    file: routed(xmlRoute({ to: undefined })),
    field: 'accounts.shop.routes.0.to',
    says: /is missing; set an http or https URL/,
  },
  ...Object.fromEntries(
    [
      'ftp://back.example/',
      'back.example/wx',
      'http:back.example',
      'http:///back.example',
      'http://back.example:70000/',
      'http://back example/',
      'http://back.example/wx\n',
      'http://back.example/wx#part',
      'http://back.example#',
      'http://me:pass77@back.example/',
      'http://@back.example/',
      'http://back.example\\wx',
      'http://back.example/wx\\..\\admin',
      `http://back.example/${'a'.repeat(2029)}`,
    ].map((to): [string, Bad] => [
      `a route to ${JSON.stringify(to.slice(0, 40))}`,
      { file: routed(xmlRoute({ to })), field: 'accounts.shop.routes.0.to', value: 'back.example' },
    ]),
  ),
  'observe as text': {
    file: routed(xmlRoute({ observe: 'yes77' })),
    field: 'accounts.shop.routes.0.observe',
    value: 'yes77',
  },
  'an unknown way to be late': {
    file: routed(xmlRoute({ late: 'never77' })),
    field: 'accounts.shop.routes.0.late',
    value: 'never77',
    says: /customer-service, retry, drop/,
  },
  'a way to be late for an observer': {
    file: routed(xmlRoute({ observe: true, late: 'drop' })),
    field: 'accounts.shop.routes.0.late',
    value: 'drop;',
    says: /its answer is not used; remove it/,
  },
  'no time for a back end': { file: routed(xmlRoute({ timeout: 0 })), field: 'accounts.shop.routes.0.timeout' },
  'too much time for a back end': {
    file: routed(xmlRoute({ timeout: 301 })),
    field: 'accounts.shop.routes.0.timeout',
    value: '301',
  },
  'a match that is no object': {
    file: matching('event7'),
    field: 'accounts.shop.routes.0.match',
    value: 'event7',
    says: /name of a field -> what it must be/,
  },
  'a match of too many fields': {
    file: matching(Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`Field${i}`, 'x']))),
    field: 'accounts.shop.routes.0.match',
    says: /at most 20 fields/,
  },
  'a match of a field that cannot be': {
    file: matching({ '<MsgType>': 'event7' }),
    field: 'accounts.shop.routes.0.match."<MsgType>"',
    value: 'event7',
    says: /set the name of a field/,
  },
  'a match of a path with a hole': {
    file: matching({ 'ScanCodeInfo..ScanType': 'x' }),
    field: 'accounts.shop.routes.0.match."ScanCodeInfo..ScanType"',
  },
  'a match of a number': {
    file: matching({ CreateTime: 1700000077 }),
    field: 'accounts.shop.routes.0.match.CreateTime',
    value: '1700000077',
    says: /set a text, a list of 1 to 100 texts/,
  },
  'a match of null': { file: matching({ Event: null }), field: 'accounts.shop.routes.0.match.Event' },
  'a match of no text': { file: matching({ Event: [] }), field: 'accounts.shop.routes.0.match.Event' },
  'a match of too many texts': {
    file: matching({ Event: Array.from({ length: 101 }, (_, i) => `e${i}`) }),
    field: 'accounts.shop.routes.0.match.Event',
    says: /1 to 100 texts/,
  },
  'a match of a list with a number': {
    file: matching({ Event: ['CLICK', 77123] }),
    field: 'accounts.shop.routes.0.match.Event.1',
    value: '77123',
    says: /must not be a number/,
  },
  'a match of an empty object': {
    file: matching({ Event: {} }),
    field: 'accounts.shop.routes.0.match.Event.regex',
    says: /is missing; set a regex/,
  },
  'a match of a regex that is no text': {
    file: matching({ Event: { regex: 77123 } }),
    field: 'accounts.shop.routes.0.match.Event.regex',
    value: '77123',
    says: /must not be a number; set a regex/,
  },
  'a match of a regex with flags': {
    file: matching({ Event: { regex: 'a', regx: 'secret1' } }),
    field: 'accounts.shop.routes.0.match.Event.regx',
    value: 'secret1',
    says: /did you mean "regex"/,
  },
  'a regex that no engine can run in linear time': {
    file: matching({ 'Some.Content': { regex: '(secret1)\\1' } }),
    field: 'accounts.shop.routes.0.match."Some.Content".regex',
    value: 'secret1',
    says: /refers back to a group, which cannot be done in linear time; set a regex in RE2 syntax/,
  },
  'a broken regex': {
    file: matching({ Content: { regex: '(secret1' } }),
    field: 'accounts.shop.routes.0.match.Content.regex',
    value: 'secret1',
    says: /not valid in RE2 syntax \(missing closing \)\)/,
  },
  'a regex too long': {
    file: matching({ Content: { regex: 'q'.repeat(1001) } }),
    field: 'accounts.shop.routes.0.match.Content.regex',
    value: 'qqq',
    says: /longer than 1000 characters/,
  },
  'a regex too large': {
    file: matching({ Content: { regex: '(?:secret1){500}' } }),
    field: 'accounts.shop.routes.0.match.Content.regex',
    value: 'secret1',
    says: /too large/,
  },
  'a route below one that takes every message': {
    file: routed(jsonRoute({ observe: true }), jsonRoute(), jsonRoute({ observe: true, to: 'http://b/' }), xmlRoute()),
    field: 'accounts.shop.routes.3',
    says: /is never reached: accounts\.shop\.routes\.1 takes every message; move it up/,
  },
  'a route below one with an empty match': {
    file: routed(xmlRoute({ match: {} }), jsonRoute()),
    field: 'accounts.shop.routes.1',
  },
  'a route below one that takes the same messages': {
    file: routed(
      xmlRoute({ match: { MsgType: 'event', Event: ['VIEW', 'CLICK', 'VIEW'] } }),
      xmlRoute({ match: { Event: ['CLICK', 'VIEW'], MsgType: ['event'] } }),
    ),
    field: 'accounts.shop.routes.1',
    says: /routes\.0 takes the same messages/,
  },
  'an observer twice': {
    file: routed(
      xmlRoute({ observe: true, to: 'http://back.example' }),
      xmlRoute({ observe: true, to: 'http://back.example/', token: 'other' }),
    ),
    field: 'accounts.shop.routes.1',
    value: 'back.example',
    says: /is accounts\.shop\.routes\.0 once more: .* twice; remove one/,
  },
  'an appID of another form': { file: shop({ appID: 'wx123' }), field: 'accounts.shop.appID', value: 'wx123' },
  'an appID with a line break at its end': {
    file: shop({ appID: `${appID}\n` }),
    field: 'accounts.shop.appID',
    value: appID,
  },
  'an appSecret too short': { file: shop({ appSecret: 'abcdef' }), field: 'accounts.shop.appSecret', value: 'abcdef' },
  'a token too short': { file: shop({ token: 'ab' }), field: 'accounts.shop.token', value: 'ab;' },
  'a token too long': { file: shop({ token: 'x'.repeat(33) }), field: 'accounts.shop.token', value: 'xxx' },
  'a bad token in a list': { file: shop({ token: ['weixin', 'b@d'] }), field: 'accounts.shop.token.1', value: 'b@d' },
  'an empty list of tokens': { file: shop({ token: [] }), field: 'accounts.shop.token' },
  'an encodingAESKey too short': {
    file: shop({ encodingAESKey: aesKey.slice(1) }),
    field: 'accounts.shop.encodingAESKey',
    value: aesKey.slice(1),
  },
  'an unknown mode': { file: shop({ mode: 'open' }), field: 'accounts.shop.mode', value: 'open;' },
  'safe mode without a key': { file: shop({ mode: 'safe' }), field: 'accounts.shop.mode', says: /encodingAESKey/ },
  'compatible mode without a key': { file: shop({ mode: 'compatible' }), field: 'accounts.shop.mode' },
  'an unknown type': {
    env: { ...environmentAccount, WECHAT_ACCOUNT_TYPE: 'shoe' },
    field: 'accounts.default.type',
    variable: 'WECHAT_ACCOUNT_TYPE',
    value: 'shoe',
  },
  'an unknown endpoint': {
    env: { ...environmentAccount, WECHAT_ENDPOINT: 'stable' },
    field: 'accounts.default.endpoint',
    variable: 'WECHAT_ENDPOINT',
    value: 'stable;',
  },
  'no daily tokens': {
    env: { ...environmentAccount, WECHAT_DAILY_TOKENS: '0' },
    field: 'accounts.default.dailyTokens',
    variable: 'WECHAT_DAILY_TOKENS',
  },
  'too many daily tokens': {
    file: shop({ dailyTokens: 100_001 }),
    field: 'accounts.shop.dailyTokens',
    value: '100001',
  },
  'an appID without its secret': {
    env: { WECHAT_APPID: appID, WECHAT_TOKEN: 'weixin' },
    field: 'accounts.default.appSecret',
    variable: 'WECHAT_APPSECRET',
    value: appID,
    says: /is missing/,
  },
  'a secret without its appID': {
    env: { WECHAT_APPSECRET: appSecret, WECHAT_TOKEN: 'weixin' },
    field: 'accounts.default.appID',
    variable: 'WECHAT_APPID',
    value: appSecret,
  },
  'an account without a token': {
    env: { WECHAT_APPID: appID, WECHAT_APPSECRET: appSecret },
    field: 'accounts.default.token',
    variable: 'WECHAT_TOKEN',
    value: appSecret,
  },
  'only an EncodingAESKey': {
    env: { WECHAT_ENCODING_AES_KEY: aesKey },
    field: 'accounts.default.appID',
    variable: 'WECHAT_APPID',
    value: aesKey,
  },
  'accounts as a list': { file: { accounts: [account()] }, field: 'accounts', value: appID },
  'an account that is null': { file: { accounts: { shop: null } }, field: 'accounts.shop' },
  'an account name with a slash': { file: { accounts: { 'a/b': account() } }, field: 'accounts."a/b"' },
  'an account name that objects have': {
    file: { accounts: { constructor: account() } },
    field: 'accounts.constructor',
  },
  'one appID twice': { file: { accounts: { a: account(), b: account() } }, field: 'accounts.b.appID', value: appID },
  "a name that is another's appID": {
    file: { accounts: { a: account(), [appID]: account({ appID: otherAppID }) } },
    field: `accounts.${appID}`,
  },
  'no account in production': {
    env: { NODE_ENV: 'production' },
    field: 'accounts',
    variable: 'WECHAT_APPID',
    says: /set WECHAT_APPID/,
  },
  'a keyHash that is a key': {
    file: crm({ keyHash: 'my-own-client-key' }),
    field: 'clients.crm.keyHash',
    value: 'my-own-client-key',
  },
  'three keys of one client': {
    file: crm({ keyHash: [hash('a'), hash('b'), hash('c')] }),
    field: 'clients.crm.keyHash',
    value: hash('a'),
  },
  'a client without accounts': {
    file: crm({ accounts: undefined }),
    field: 'clients.crm.accounts',
    says: /is missing/,
  },
  'a client of all and of one': { file: crm({ accounts: ['*', 'shop'] }), field: 'clients.crm.accounts' },
  'a client of an unknown account': {
    file: crm({ accounts: ['shop', 'shopp'] }),
    field: 'clients.crm.accounts.1',
    value: 'shopp',
  },
  'an unknown scope': { file: crm({ scopes: ['tokens7'] }), field: 'clients.crm.scopes.0', value: 'tokens7' },
  'a gateway scope that climbs': {
    file: crm({ scopes: ['gateway:/cgi-bin/../sns'] }),
    field: 'clients.crm.scopes.0',
    value: '..',
  },
  'no scope': { file: crm({ scopes: [] }), field: 'clients.crm.scopes' },
  'a client name with a dot': { file: { clients: { 'a.b': client() } }, field: 'clients."a.b"' },
  "the hub's own client name": { file: { clients: { hub: client() } }, field: 'clients.hub' },
  'two clients with one key': {
    file: { clients: { a: client(), b: client({ keyHash: hash('a').toUpperCase() }) } },
    field: 'clients.b.keyHash',
    value: hash('a'),
  },
  "a client with the hub's key": {
    file: { clients: { a: client({ keyHash: hash('k'.repeat(30)) }) } },
    env: { WECHAT_HUB_KEY: 'k'.repeat(30) },
    field: 'clients.a.keyHash',
    value: 'kkkk',
  },
  'a hub key too short': {
    env: { WECHAT_HUB_KEY: 'k'.repeat(19) },
    field: 'key',
    variable: 'WECHAT_HUB_KEY',
    value: 'kkk',
  },
  'a hub key with a space': { env: { WECHAT_HUB_KEY: `${'k'.repeat(20)} k` }, field: 'key', value: 'kkk' },
  'a hub key with a wrong checksum': {
    env: { WECHAT_HUB_KEY: `whk_${'k'.repeat(49)}` },
    field: 'key',
    value: 'kkk',
    says: /checksum/,
  },
  'the sandbox on the port of the hub': {
    env: { PORT: '3001' },
    field: 'sandbox.port',
    variable: 'WECHAT_SANDBOX_PORT',
  },
  'a folder that is not there': {
    env: { NODE_CONFIG_DIR: '/nowhere/at/all' },
    field: 'NODE_CONFIG_DIR',
    value: '/nowhere',
    says: /does not exist/,
  },
  'broken JSON': {
    file: '{ "server": {},\n  "accounts": { "appSecret": hunter22 } }',
    field: 'local.json',
    value: 'invalid character',
    says: /line 2, column 30/,
  },
  'a broken string': { file: '{ "appSecret": "hunter22\n" }', field: 'local.json', value: 'hunter' },
  'a file that is a list': { file: '["hunter22"]', field: 'local.json', value: 'hunter' },
  'a file that is empty': { file: '', field: 'local.json' },
  'a file with __proto__': {
    file: '{ "server": { "__proto__": { "hunter22": 1 } } }',
    field: 'local.json',
    value: 'hunter',
  },
}

describe('a bad configuration', () => {
  it.each(Object.entries(bad))('is refused: %s', (_name, { file, env, field, variable, value, says }) => {
    if (file !== undefined) put('local.json', file)
    const error = refusal(env)
    expect(fields(error)).toContain(field)
    const fault = error.faults.find((found) => found.field === field)
    if (variable !== undefined) {
      expect(fault?.variable).toBe(variable)
      expect(error.message).toContain(variable)
    }
    if (value !== undefined) expect(error.message + JSON.stringify(error.faults) + error.stack).not.toContain(value)
    if (says !== undefined) expect(error.message).toMatch(says)
    expect(fault?.problem).toBeTruthy()
    expect(fault?.remedy).toBeTruthy()
  })

  it('has nothing wrong with it but that', () => {
    for (const [name, { file, env, field }] of Object.entries(bad)) {
      if (['only an EncodingAESKey'].includes(name)) continue
      rmSync(join(folder, 'config/local.json'), { force: true })
      if (file !== undefined) put('local.json', file)
      expect(fields(refusal(env)), name).toEqual([field])
    }
  })

  it('is told whole: every fault of every kind, each on a line of its own', () => {
    put('local.json', {
      server: { port: 'x' },
      nonsense: 1,
      accounts: { a: account(), b: account({ appSecret: 'short' }), c: account({ appID: otherAppID, mode: 'safe' }) },
      clients: { one: client(), two: client({ accounts: ['nobody'] }) },
    })
    put('staging.json', '{')
    const error = refusal({ NODE_ENV: 'staging', LOG_LEVEL: 'loud', WECHAT_HUB_KEY: 'short' })
    expect(fields(error).sort()).toEqual([
      'accounts.b.appID',
      'accounts.b.appSecret',
      'accounts.c.mode',
      'clients.two.accounts.0',
      'clients.two.keyHash',
      'key',
      'log.level',
      'nonsense',
      'server.port',
      'staging.json',
    ])
    expect(error.message.split('\n')).toHaveLength(1 + error.faults.length)
  })

  it('cannot break its line with a name', () => {
    put('local.json', { 'bad\nname\u0085\u2028': 1 })
    expect(refusal().message.split(/[\n\u0085\u2028]/)).toHaveLength(2)
  })

  it('never changes the prototype of objects', () => {
    put('local.json', '{ "accounts": { "__proto__": { "polluted": true } } }')
    refusal()
    expect('polluted' in {}).toBe(false)
  })

  it('is never quoted, whatever stands where', () => {
    const places: ((secret: unknown) => { file?: unknown; env?: NodeJS.ProcessEnv })[] = [
      ...['server', 'dataDir', 'wechat', 'log', 'sandbox', 'accounts', 'clients', 'key'].map(
        (name) => (secret: unknown) => ({ file: { [name]: secret } }),
      ),
      ...['type', 'appID', 'appSecret', 'endpoint', 'token', 'encodingAESKey', 'mode', 'dailyTokens', 'unknown'].map(
        (name) => (secret: unknown) => ({ file: shop({ [name]: secret }) }),
      ),
      ...['match', 'to', 'format', 'token', 'secret', 'observe', 'late', 'timeout', 'unknown'].flatMap((name) => [
        (secret: unknown) => ({ file: routed(xmlRoute({ [name]: secret })) }),
        (secret: unknown) => ({ file: routed(jsonRoute({ [name]: secret })) }),
      ]),
      (secret) => ({ file: shop({ routes: secret }) }),
      (secret) => ({ file: routed(secret) }),
      (secret) => ({ file: matching({ Event: secret }) }),
      (secret) => ({ file: matching({ Event: { regex: secret } }) }),
      (secret) => ({ file: matching({ Event: { regex: `(?=${String(secret)}` } }) }),
      ...['keyHash', 'accounts', 'scopes', 'unknown'].map((name) => (secret: unknown) => ({
        file: crm({ [name]: secret }),
      })),
      ...['port', 'host', 'trustProxy'].map((name) => (secret: unknown) => ({ file: { server: { [name]: secret } } })),
      ...['apiDomain', 'timeout', 'expiryMargin', 'refreshAhead'].map((name) => (secret: unknown) => ({
        file: { wechat: { [name]: secret } },
      })),
      ...[
        'PORT',
        'HOST',
        'WECHAT_APPID',
        'WECHAT_APPSECRET',
        'WECHAT_TOKEN',
        'WECHAT_ENCODING_AES_KEY',
        'WECHAT_ENDPOINT',
        'WECHAT_ACCOUNT_TYPE',
        'WECHAT_DAILY_TOKENS',
        'WECHAT_API_DOMAIN',
        'WECHAT_HUB_DATA',
        'WECHAT_HUB_KEY',
        'WECHAT_SANDBOX_PORT',
        'LOG_LEVEL',
        'NODE_CONFIG_DIR',
      ].map((name) => (secret: unknown) => ({ env: { [name]: String(secret) } })),
      (secret) => ({ file: `{ "accounts": ${String(secret)} }` }),
      (secret) => ({ file: `{ "key": "${String(secret)}` }),
    ]
    const marker = 'Q7zX'
    const secret = fc.string({ maxLength: 40 }).map((tail) => `${marker}${tail.replaceAll('\0', '')}`)
    const shape = fc.constantFrom<(text: string) => unknown>(
      (text) => text,
      (text) => [text],
      (text) => ({ name: text }),
      (text) => [[text]],
    )
    fc.assert(
      fc.property(fc.constantFrom(...places), secret, shape, (place, text, wrap) => {
        const { file, env } = place(wrap(text))
        rmSync(join(folder, 'config/local.json'), { force: true })
        if (file !== undefined) put('local.json', file)
        try {
          load({ PORT: 'bad', ...env })
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
          expect(String(error) + JSON.stringify(error)).not.toContain(marker)
          return
        }
        throw new Error('the configuration was accepted')
      }),
      { numRuns: 1000 },
    )
  })
})
