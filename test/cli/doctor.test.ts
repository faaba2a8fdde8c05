import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClientEditor } from '../../src/access/client-editor.js'
import { clientsFile } from '../../src/access/stored-clients.js'
import { accountWechat } from '../../src/cli/account-wechat.js'
import { examineAll } from '../../src/cli/doctor/examine.js'
import type { Finding } from '../../src/cli/doctor/finding.js'
import { chosenAccounts } from '../../src/cli/hub-settings.js'
import { Terminal } from '../../src/cli/terminal.js'
import { loadConfig } from '../../src/config.js'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { fileStore } from '../../src/stores/file.js'
import { fileText } from '../../src/stores/file-text.js'
import { Secrets } from '../../src/wechat/secrets.js'
import { RunningHub, shop } from '../support/running-hub.js'
import { Upstream } from '../support/upstream.js'
import { ConfiguredFolder } from './configured-folder.js'

let sandbox: Sandbox
let folder: ConfiguredFolder
let apiDomain: string
const ends: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  sandbox = new Sandbox({ accounts: [shop] })
  apiDomain = await sandbox.listen()
  folder = await ConfiguredFolder.make(apiDomain)
})

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  await folder.remove()
  await sandbox.close()
})

interface Examined {
  readonly findings: readonly Finding[]
  /** Of one check. */
  of(check: string): Finding | undefined
}

interface Asked {
  readonly where?: ConfiguredFolder
  readonly account?: string
  readonly url?: string
  readonly network?: boolean
}

/** What the command finds, without a process for it. */
async function examine({ where = folder, account, url, network = false }: Asked = {}): Promise<Examined> {
  const config = loadConfig({ cwd: where.path, env: {} })
  const given = { config, secrets: new Secrets(), url: url === undefined ? undefined : new URL(url), network }
  const findings = await examineAll(chosenAccounts(config, account), given)
  return { findings, of: (check) => findings.find((finding) => finding.check === check) }
}

/** Stores a token, as a hub does. */
async function fetchToken(where = folder): Promise<void> {
  const config = loadConfig({ cwd: where.path, env: {} })
  for (const account of chosenAccounts(config, 'shop')) {
    const credentials = fileStore(config.dataDir)
    const wechat = accountWechat(account, { config, credentials, terminal: new Terminal() })
    await wechat.fetchAccessToken()
    await wechat.close()
  }
}

/** A folder whose upstream is this one. */
async function withUpstream(answer: Parameters<typeof Upstream.start>[0]): Promise<ConfiguredFolder> {
  const upstream = await Upstream.start(answer)
  const other = await ConfiguredFolder.make(upstream.apiDomain)
  ends.push(
    () => other.remove(),
    () => upstream.close(),
  )
  return other
}

/** Answers as WeChat would, but for these paths. */
function wechat(answers: Readonly<Record<string, object>>) {
  return ({ url }: { url: URL }): object => {
    const own = answers[url.pathname]
    if (own !== undefined) return own
    if (url.pathname === '/cgi-bin/stable_token') return { access_token: `89_${'t'.repeat(120)}`, expires_in: 7200 }
    if (url.pathname !== '/cgi-bin/getcallbackip') return { errcode: 40066, errmsg: 'invalid url' }
    return url.searchParams.has('access_token') ? { ip_list: [] } : { errcode: 41001, errmsg: 'access_token missing' }
  }
}

function wrongOnes({ findings }: Examined): string[] {
  return findings.filter(({ result }) => result === 'wrong').map(({ check }) => check)
}

describe('where all is right', () => {
  it('says so, with exit code 0, and asks for no token that would end another', async () => {
    await fetchToken()
    await new ClientEditor({ text: fileText(clientsFile(folder.dataDir)) }).add({
      name: 'crm',
      accounts: ['*'],
      scopes: ['token'],
    })
    const before = sandbox.requests.count('/cgi-bin/token')
    const examined = await examine()
    expect(wrongOnes(examined)).toEqual([])
    const results = examined.findings.map(({ check, result }) => [check, result])
    expect(Object.fromEntries(results)).toEqual({
      ...{ configuration: 'ok', 'data folder': 'ok', modes: 'ok', clients: 'ok', upstream: 'ok', clock: 'ok' },
      ...{ AppSecret: 'ok', 'IP whitelist': 'ok', token: 'ok', quota: 'ok', callback: 'unknown' },
    })
    expect(examined.of('quota')?.what).toContain('1 of 2000 fetches')
    expect(sandbox.requests.count('/cgi-bin/token')).toBe(before)
  })

  it('before the first start only hints, and makes nothing', async () => {
    const examined = await examine()
    expect(examined.of('data folder')).toMatchObject({
      result: 'warning',
      what: expect.stringContaining('no hub has run'),
    })
    expect(examined.of('clients')).toMatchObject({
      result: 'warning',
      remedy: expect.stringContaining('The first start of a hub makes one'),
    })
    expect(examined.of('token')).toMatchObject({ result: 'unknown', what: expect.stringContaining('none is stored') })
    expect(() => chmodSync(folder.dataDir, 0o700)).toThrow('ENOENT')
  })
})

describe('of the account', () => {
  it('finds a wrong AppSecret', async () => {
    const other = await ConfiguredFolder.make(apiDomain, { settings: { appSecret: 'f'.repeat(32) } })
    ends.push(() => other.remove())
    const examined = await examine({ where: other })
    expect(wrongOnes(examined)).toEqual(['AppSecret'])
    expect(examined.of('AppSecret')).toMatchObject({
      account: 'shop',
      what: expect.stringContaining('40125'),
      remedy: expect.stringContaining('开发密钥'),
    })
    expect(examined.of('IP whitelist')?.result).toBe('unknown')
  })

  it('takes 40001 of a token fetch for a wrong AppSecret too', async () => {
    sandbox.faults.add({ kind: 'errcode', errcode: 40001, path: '/cgi-bin/stable_token' })
    const examined = await examine()
    expect(wrongOnes(examined)).toEqual(['AppSecret'])
    expect(examined.of('AppSecret')?.remedy).toContain('Reset or copy the AppSecret')
  })

  it('finds an address that is not on the whitelist, and prints which to add and where', async () => {
    await fetchToken()
    sandbox.faults.add({ kind: 'ip' })
    const examined = await examine()
    expect(wrongOnes(examined)).toEqual(['IP whitelist'])
    expect(examined.of('IP whitelist')?.remedy).toMatch(/IP白名单.*开发密钥.*The address is 203\.0\.113\.7\./)
    expect(examined.of('AppSecret')?.result).toBe('unknown')
    expect(examined.of('token')?.what).toContain('WeChat refuses the address')
  })

  it.each([
    [89503, /administrator of the account must confirm/],
    [89501, /administrator of the account must confirm/],
    [89506, /Wait 24 hours/],
    [89507, /Wait an hour/],
  ])('says for %i what to do', async (errcode, remedy) => {
    sandbox.faults.add({ kind: 'errcode', errcode, path: '/cgi-bin/stable_token' })
    const examined = await examine()
    expect(wrongOnes(examined)).toEqual(['IP whitelist'])
    expect(examined.of('IP whitelist')?.remedy).toMatch(remedy)
  })

  it('takes a busy WeChat for no fault of the account', async () => {
    sandbox.faults.add({ kind: 'busy', path: '/cgi-bin/stable_token' })
    const examined = await examine()
    expect(wrongOnes(examined)).toEqual([])
    expect(examined.of('AppSecret')?.result).toBe('warning')
  })

  it('finds that another program has ended the stored token', async () => {
    await fetchToken()
    sandbox.tokens.issue(shop.appID, 'token', { atOnce: true })
    const examined = await examine()
    expect(wrongOnes(examined)).toEqual(['token'])
    expect(examined.of('token')).toMatchObject({
      what: expect.stringContaining('another program has fetched one'),
      remedy: expect.stringContaining('same AppSecret'),
    })
  })

  it.each([
    [10, 'ok'],
    [1700, 'warning'],
    [2000, 'wrong'],
  ])('finds %i of 2000 fetches %s', async (fetches, result) => {
    const day = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10)
    mkdirSync(join(folder.dataDir, shop.appID), { recursive: true, mode: 0o700 })
    const record = { day, fetches, forced: 0, forcedAt: 0, version: 1 }
    writeFileSync(join(folder.dataDir, shop.appID, 'fetches.json'), JSON.stringify(record), { mode: 0o600 })
    const examined = await examine()
    expect(examined.of('quota')).toMatchObject({ result, what: expect.stringContaining(`${fetches} of 2000`) })
  })

  it('tells what WeChat itself counts, and goes by the greater share', async () => {
    const quota = { daily_limit: 200, used: 190, remain: 10 }
    const other = await withUpstream(wechat({ '/cgi-bin/openapi/quota/get': { errcode: 0, quota } }))
    expect((await examine({ where: other })).of('quota')).toMatchObject({
      result: 'warning',
      what: '0 of 2000 fetches counted today; WeChat counts 190 of 200',
    })
  })
})

describe('of the way to WeChat', () => {
  it('finds an upstream out of reach, and tries nothing that needs it', async () => {
    const other = await ConfiguredFolder.make('http://127.0.0.1:9/')
    ends.push(() => other.remove())
    const examined = await examine({ where: other })
    expect(wrongOnes(examined)).toEqual(['upstream'])
    expect(examined.of('upstream')?.what).toMatch(/cannot be reached/)
    expect(examined.of('AppSecret')?.result).toBe('unknown')
  })

  it('finds that something else answers in its place', async () => {
    sandbox.faults.add({ kind: 'garbage' })
    const examined = await examine()
    expect(wrongOnes(examined)).toEqual(['upstream'])
    expect(examined.of('upstream')?.remedy).toContain('a proxy')
  })

  it.each([
    [-120_000, /12\d s ahead of|119 s ahead of/],
    [120_000, /1[12]\d s behind/],
  ])('finds a clock that is off by %i ms', async (ms, what) => {
    const server = createServer((_request, response) => {
      response.setHeader('date', new Date(Date.now() + ms).toUTCString())
      response.end('{"errcode":41001,"errmsg":"access_token missing"}')
    })
    const other = await ConfiguredFolder.make(await listening(server))
    ends.push(() => other.remove())
    const examined = await examine({ where: other })
    expect(examined.of('upstream')?.result).toBe('ok')
    expect(examined.of('clock')).toMatchObject({
      result: 'warning',
      what: expect.stringMatching(what),
      remedy: expect.stringContaining('NTP'),
    })
  })
})

describe('of the data folder', () => {
  it('finds what other users could read, and leaves it as it is', async () => {
    await fetchToken()
    chmodSync(join(folder.dataDir, shop.appID, 'access_token.json'), 0o644)
    const examined = await examine()
    expect(wrongOnes(examined)).toEqual(['modes'])
    expect(examined.of('modes')).toMatchObject({
      what: expect.stringContaining('access_token.json'),
      remedy: `chmod -R go= "${folder.dataDir}"`,
    })
    expect(wrongOnes(await examine())).toEqual(['modes'])
  })

  it('finds that it cannot be written', async () => {
    writeFileSync(folder.dataDir, 'a file')
    const examined = await examine()
    expect(examined.of('data folder')).toMatchObject({ result: 'wrong', what: expect.stringContaining('ENOTDIR') })
  })

  it('says how to get a client again after the last one was revoked: no start of a hub makes it', async () => {
    const editor = new ClientEditor({ text: fileText(clientsFile(folder.dataDir)) })
    await editor.add({ name: 'crm', accounts: ['*'], scopes: ['token'] })
    await editor.revoke('crm')
    const clients = (await examine()).of('clients')
    expect(clients).toMatchObject({ result: 'warning', remedy: expect.stringContaining('wechat-hub client add') })
    expect(clients?.remedy).not.toContain('The first start of a hub makes one')
  })

  it('finds a file of clients that is damaged', async () => {
    await new ClientEditor({ text: fileText(clientsFile(folder.dataDir)) }).add({
      name: 'crm',
      accounts: ['*'],
      scopes: ['token'],
    })
    writeFileSync(join(folder.dataDir, 'clients.json'), '{', { mode: 0o600 })
    const examined = await examine()
    expect(wrongOnes(examined)).toEqual(['clients'])
    expect(examined.of('clients')?.what).toContain('not valid JSON')
  })
})

describe('of the callback', () => {
  it('finds it right where a hub answers the signed handshake', async () => {
    const running = await RunningHub.start()
    ends.push(() => running.close())
    const examined = await examine({ url: `${running.url}/wx/shop?from=the-operator` })
    expect(examined.of('handshake')).toMatchObject({ result: 'ok', what: `${running.url}/wx/shop answers echostr` })
    expect(examined.of('port')?.result).toBe('warning')
    const elsewhere = await examine({ url: `${running.url}/nowhere` })
    expect(wrongOnes(elsewhere)).toEqual(['handshake'])
    const ofBlog = await examine({ url: `${running.url}/wx/blog` })
    expect(ofBlog.of('handshake')).toMatchObject({
      result: 'wrong',
      what: expect.stringContaining('HTTP status 403'),
      remedy: expect.stringContaining('another Token'),
    })
  })

  it.each([
    ['another text', 200, 'hello', /but not echostr/],
    ['a redirect', 302, '', /follows no redirect/],
    ['a proxy without the hub', 502, '', /does not reach the hub/],
  ])('finds %s', async (_what, status, body, told) => {
    const server = createServer((_request, response) => {
      response.writeHead(status, { location: '/elsewhere' }).end(body)
    })
    const examined = await examine({ url: `${await listening(server)}wx` })
    expect(wrongOnes(examined)).toEqual(['handshake'])
    expect(JSON.stringify(examined.of('handshake'))).toMatch(told)
  })

  it('finds that nobody listens there', async () => {
    const examined = await examine({ url: 'http://127.0.0.1:9/wx' })
    expect(examined.of('handshake')).toMatchObject({
      result: 'wrong',
      what: expect.stringContaining('cannot be reached'),
    })
  })

  it('shows what WeChat finds when it looks the host up and pings it', async () => {
    const dns = [{ ip: '203.0.113.7', real_operator: 'UNICOM' }]
    const ping = (package_loss: string) => [{ ip: '203.0.113.7', from_operator: 'CAP', package_loss, time: '20ms' }]
    const check = '/cgi-bin/callback/check'
    const right = await withUpstream(wechat({ [check]: { dns, ping: ping('0%') } }))
    const found = (await examine({ where: right, network: true })).findings.filter(
      (finding) => finding.check === 'network',
    )
    expect(found.map(({ result, what }) => [result, what])).toEqual([
      ['ok', 'WeChat finds the host at 203.0.113.7'],
      ['ok', 'WeChat reaches the host by ping'],
    ])
    const lost = await withUpstream(wechat({ [check]: { dns: [], ping: ping('100%') } }))
    const results = (await examine({ where: lost, network: true })).findings.filter(
      (finding) => finding.check === 'network',
    )
    expect(results.map(({ result }) => result)).toEqual(['wrong', 'warning'])
    const none = await withUpstream(wechat({ [check]: { errcode: 40201, errmsg: 'no callback url' } }))
    expect((await examine({ where: none, network: true })).of('network')).toMatchObject({ result: 'unknown' })
  })
})

describe('the command', () => {
  it('prints a line for each finding, a remedy below it, and exits with 1 if something is wrong', async () => {
    const right = await folder.run('doctor', shop.appID)
    expect(right).toMatchObject({ code: 0, stderr: '' })
    expect(right.stdout).toMatch(/^the hub\n {2}✓ configuration +it can be used: 1 account/)
    expect(right.stdout).toMatch(/^account shop\n {2}✓ AppSecret +WeChat takes it$/m)
    expect(right.stdout).toMatch(/\nNothing is wrong\.\n$/)
    sandbox.faults.add({ kind: 'ip' })
    const wrong = await folder.run('doctor')
    expect(wrong).toMatchObject({ code: 1, stderr: '' })
    expect(wrong.stdout).toMatch(/^ {2}✗ IP whitelist .*40164.*\n {19}Add the address.*203\.0\.113\.7\.$/m)
    expect(wrong.stdout).toMatch(/\nOne thing is wrong\.\n$/)
    const json = await folder.run('doctor', '--json')
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, findings: expect.arrayContaining([]) })
  })

  it('looks at all accounts, or at one by its name or appID', async () => {
    const both = await ConfiguredFolder.make(apiDomain, { both: true })
    ends.push(() => both.remove())
    const accounts = ({ findings }: Examined) => [...new Set(findings.map(({ account }) => account))]
    expect(accounts(await examine({ where: both }))).toEqual([undefined, 'shop', 'blog'])
    expect(accounts(await examine({ where: both, account: shop.appID }))).toEqual([undefined, 'shop'])
    const unknown = await both.run('doctor', 'crm')
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('known: shop, blog') })
    const ambiguous = await both.run('doctor', '--url', 'http://127.0.0.1:9/wx')
    expect(ambiguous).toMatchObject({ code: 1, stderr: expect.stringContaining('name the account') })
  })

  it('refuses what is no URL of a callback, and ends with 78 where the configuration cannot be used', async () => {
    for (const url of ['ftp://127.0.0.1/wx', '/wx']) {
      expect(await folder.run('doctor', '--url', url)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('--url'),
      })
    }
    const bad = await ConfiguredFolder.make(apiDomain, { settings: { appSecret: 'short' } })
    ends.push(() => bad.remove())
    const { code, stdout, stderr } = await bad.run('doctor')
    expect([code, stdout]).toEqual([78, ''])
    expect(stderr).toContain('accounts.shop.appSecret')
    expect(stderr).not.toContain('"short"')
  })
})

/** Its URL, with a slash at the end; it is closed after the test. */
async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      }),
  )
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`
}
