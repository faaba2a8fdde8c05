import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashKey, makeKey } from '../../src/access/key.js'
import { loadConfig } from '../../src/config.js'
import type { FaultKind } from '../../src/sandbox/sandbox.js'
import { Wechat } from '../../src/wechat/wechat.js'
import { AppProcess } from '../support/app-process.js'
import { type Answering, BackEndServer } from '../support/back-end.js'
import { MovableClock } from '../support/movable-clock.js'
import { blog, hubKey, RunningHub, readJson, shop } from '../support/running-hub.js'

const clientKey = makeKey()
/** Of no form that a log could know it by. */
const chosenKey = 'a/key+chosen:by the operator'.replaceAll(' ', '-')
const aesKey = 'CanaryCanaryCanaryCanaryCanaryCanaryCanary1'
/** Of routes: what signs, and what stands in a query. What a user writes is nobody else's business either. */
const routeSecret = 'canary/of+the=json-route'
const routeToken = 'CanaryOfTheXmlRoute'
const routeQuery = 'canary-in-the-query-of-a-route'
const userText = 'canary: what a user has written'
const wrongSecret = 'c0ffeec0ffeec0ffeec0ffeec0ffee00'

/** Everything the hub said that is no rightful answer of a token: log lines, errors, metrics, file names. */
const said: string[] = []
const secrets = new Set([
  shop.appSecret,
  blog.appSecret,
  shop.token,
  blog.token,
  aesKey,
  wrongSecret,
  hubKey,
  clientKey,
  chosenKey,
  routeSecret,
  routeToken,
])
/** What the hub has no way to know for a secret in a stranger's request, and does not say by itself. */
const unsaid = [routeQuery, userText]

let dataDir: string

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'wechat-hub-canary-'))
  await flowsOfTheHub()
  await flowsOfTheClass()
  await flowsOfTheStart()
}, 120_000)

afterAll(() => rm(dataDir, { recursive: true, force: true }))

describe('no secret is said (P6)', () => {
  it('after flows in which every secret was used', () => {
    expect(said.length).toBeGreaterThan(200)
    expect(secrets.size).toBeGreaterThan(14)
  })

  it.each([
    ['as it is', (secret: string) => [secret]],
    ['URL-encoded', (secret: string) => [encodeURIComponent(secret), encodeURIComponent(encodeURIComponent(secret))]],
    ['in base64', (secret: string) => base64Forms(secret)],
    ['in hex', (secret: string) => [hex(secret), hex(secret).toUpperCase()]],
  ])('%s', (_how, formsOf) => {
    for (const secret of [...secrets, ...unsaid]) {
      for (const form of formsOf(secret)) {
        const leaks = said.filter((text) => text.includes(form))
        expect(leaks.map((text) => text.slice(0, 300))).toEqual([])
      }
    }
  })

  it('and the search finds a secret where there is one', () => {
    const forms = [shop.appSecret, ...base64Forms(shop.appSecret), hex(shop.appSecret)]
    const leak = `a=${shop.appSecret} ${Buffer.from(`x${shop.appSecret}y`).toString('base64')} ${hex(shop.appSecret)}`
    expect(forms.some((form) => leak.includes(form))).toBe(true)
  })
})

/** Base64 of a secret inside something longer starts at one of three offsets; the ends of each are not its own. */
function base64Forms(secret: string): string[] {
  return ['', 'a', 'ab'].flatMap((before) => {
    const own = Buffer.from(`${before}${secret}`).toString('base64').replace(/=+$/, '').slice(4, -2)
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')]
  })
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex')
}

async function flowsOfTheHub(): Promise<void> {
  const base = loadConfig({ env: { WECHAT_HUB_DATA: dataDir }, cwd: dataDir })
  const backEnd = await BackEndServer.start((_asked, response) => void response.socket?.destroy())
  const to = `${backEnd.url}bot?key=${routeQuery}`
  const route = { match: {}, to, observe: false, late: 'customer-service', timeout: 60 } as const
  const routes = [
    { ...route, match: { Content: 'xml' }, format: 'xml' as const, token: routeToken },
    { ...route, format: 'json' as const, secret: routeSecret },
    { ...route, observe: true, format: 'json' as const, secret: routeSecret, to: `${to}&observe` },
  ]
  const account = {
    type: 'official',
    endpoint: 'token',
    mode: 'safe',
    dailyTokens: 2000,
    jsDomains: [],
    routes: [],
  } as const
  const config = {
    log: { level: 'trace' as const },
    accounts: {
      shop: { ...account, ...shop, token: [shop.token], encodingAESKey: [aesKey], routes },
      blog: {
        ...account,
        ...blog,
        token: [blog.token],
        encodingAESKey: [],
        mode: 'plain' as const,
        endpoint: 'stable_token' as const,
      },
      fool: {
        ...account,
        appID: 'wx00000000000000ff',
        appSecret: wrongSecret,
        token: [shop.token],
        encodingAESKey: [],
        mode: 'plain' as const,
      },
    },
    clients: {
      crm: { keyHash: [hashKey(clientKey)], accounts: ['shop'], scopes: ['token' as const] },
      erp: { keyHash: [hashKey(chosenKey)], accounts: ['shop'], scopes: ['token' as const] },
    },
    server: base.server,
  }
  const clock = new MovableClock()
  for (const restart of [1, 2]) {
    const running = await RunningHub.start({ config, dataDir, clock })
    await clock.advance(60_000)
    const tokens = [...(await tokensComeAndGo(running, 'shop')), ...(await tokensComeAndGo(running, 'blog'))]
    for (const name of ['shop', 'blog']) tokens.push(...(await ticketsComeAndGo(running, name, clock)))
    for (const token of tokens) secrets.add(token)
    await everyFault(running, [shop.appSecret, blog.appSecret, shop.token, aesKey, hubKey, ...tokens])
    await strangeRequests(running)
    await pushesGoWrong(running, backEnd)
    said.push(await (await running.request('/metrics')).text(), await (await running.request('/readyz')).text())
    await running.close()
    said.push(...running.logLines, ...(await readdir(dataDir, { recursive: true })), ...(await auditTexts()))
    if (restart === 1) {
      await writeFile(join(dataDir, shop.appID, 'access_token.json'), `{"access_token":"${wrongSecret}`)
      await writeFile(join(dataDir, shop.appID, 'jsapi_ticket.json'), `{"ticket":"${wrongSecret}`)
    }
  }
  await backEnd.close()
}

async function auditTexts(): Promise<string[]> {
  const folder = join(dataDir, 'audit')
  return Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')))
}

/** Back ends that break off, answer rubbish and answer late; refused pushes; a reply that WeChat does not take. */
async function pushesGoWrong(running: RunningHub, backEnd: BackEndServer): Promise<void> {
  const { sandbox } = running
  const answers: Answering[] = [
    (_asked, response) => void response.socket?.destroy(),
    ({ body, headers }) => `<p>${body} ${JSON.stringify(headers)}</p>`,
    () => userText,
  ]
  for (const answer of answers) {
    backEnd.answer = answer
    for (const Content of ['xml', userText]) await sandbox.push({ message: { Content, EventKey: userText } })
  }
  const wrong = { message: { Content: userText }, appid: shop.appID }
  await sandbox.push({ ...wrong, token: 'WrongToken' })
  await sandbox.push({ ...wrong, mode: 'plain' })
  await sandbox.push({ ...wrong, encodingAESKey: [...aesKey].reverse().join('') })
}

/** The tokens that were given out on the way. */
async function tokensComeAndGo(running: RunningHub, account: string): Promise<string[]> {
  const { access_token } = await running.token(`/v1/${account}/access-token`)
  await running.request('/v1/shop/access-token', { key: chosenKey })
  const { appID } = running.hub.accounts.find(account) ?? shop
  running.sandbox.tokens.issue(appID, account === 'blog' ? 'stable_token' : 'token', { atOnce: true })
  const answer = await running.post(`/v1/${account}/access-token/rejected`, { access_token })
  const next = await readJson<{ access_token: string }>(answer)
  await running.post(`/v1/${account}/access-token/rejected`, { access_token })
  said.push(await (await running.request('/v1/fool/access-token')).text())
  return [access_token, next.access_token]
}

/** The tickets that were given out on the way: of the account, from the store, after a theft of the access_token. */
async function ticketsComeAndGo(running: RunningHub, account: string, clock: MovableClock): Promise<string[]> {
  const { appID, wechat } = running.hub.accounts.find(account) ?? {}
  const tickets: string[] = []
  for (const type of ['jsapi', 'wx_card'] as const) {
    // So that the theft may be looked into, and the token be replaced by force.
    await clock.advance(60_000)
    running.sandbox.tokens.issue(appID ?? '', account === 'blog' ? 'stable_token' : 'token', { atOnce: true })
    const { ticket } = await readJson<{ ticket: string }>(await running.request(`/v1/${account}/ticket?type=${type}`))
    tickets.push(ticket)
    await wechat?.ticket(type).reject(ticket, 'a back end')
    said.push(await (await running.request(`/v1/fool/ticket?type=${type}`)).text())
  }
  return tickets
}

/** `sent`: what WeChat has had from the hub, or what stands beside it, and could come back in an `errmsg`. */
async function everyFault(running: RunningHub, sent: readonly string[]): Promise<void> {
  const kinds: FaultKind[] = ['reset', 'truncate', 'status', 'garbage', 'busy', 'ip', 'quota', 'huge']
  for (const kind of kinds) await withFault(running, { kind })
  for (const secret of sent) {
    const errmsg = `bad ${secret} ${encodeURIComponent(secret)} ${Buffer.from(secret).toString('base64')} ${hex(secret)}`
    await withFault(running, { kind: 'errcode', errcode: 40125, errmsg })
    await withFault(running, { kind: 'errcode', errcode: 99999, errmsg })
  }
}

/** An account that has failed is left alone for a while: each fault gets a Wechat of its own, on the hub's log. */
async function withFault(
  running: RunningHub,
  fault: Parameters<RunningHub['sandbox']['faults']['add']>[0],
): Promise<void> {
  running.sandbox.faults.add(fault)
  const { wechat } = running.hub.accounts.find('shop') ?? {}
  await wechat?.call('/cgi-bin/user/info', { query: { openid: 'o' } }).catch(hearError)
  await wechat?.updateAccessToken().catch(hearError)
  await wechat?.ticket('jsapi').update().catch(hearError)
  running.sandbox.faults.clear()
}

function hearError(error: unknown): void {
  said.push(inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), String(Object(error).stack))
}

async function strangeRequests(running: RunningHub): Promise<void> {
  for (const secret of secrets) {
    const encoded = encodeURIComponent(secret)
    const requests = [
      running.request(`/nowhere/${encoded}?access_token=${encoded}`),
      running.request(`/${'a'.repeat(246)}/${encoded}`),
      running.request(`/v1/${encoded}/access-token`, { key: clientKey }),
      running.request(`/v1/shop/access-token?secret=${encoded}`, { key: secret }),
      running.request(`/wx?signature=${encoded}&timestamp=1&nonce=2&echostr=3`),
      running.request('/healthz', { headers: { 'x-request-id': secret.slice(0, 64), cookie: secret } }),
      running.request('/v1/shop/access-token/rejected', { method: 'POST', body: secret }),
      running.request(`/v1/shop/ticket?type=${encoded}`),
      running.post('/v1/shop/access-token/rejected', { access_token: [secret] }),
    ]
    for (const response of await Promise.all(requests)) {
      const text = await response.text()
      if (response.status !== 200) said.push(text)
    }
  }
}

async function flowsOfTheClass(): Promise<void> {
  const wechat = new Wechat({
    appID: shop.appID,
    appSecret: shop.appSecret,
    apiDomain: 'http://127.0.0.1:9/',
    saveAccessToken: () => Promise.reject(new Error('disk full')),
    saveTicket: () => Promise.reject(new Error('disk full')),
    onEvent: (event) => said.push(inspect(event, { depth: 10 })),
  })
  await wechat.fetchAccessToken().catch(hearError)
  await wechat.fetchTicket('jsapi').catch(hearError)
  said.push(inspect(wechat, { depth: 10, showHidden: true }))
  await wechat.close()
  try {
    new Wechat({ appID: shop.appID, appSecret: '', token: shop.token, endpoint: 'token' })
  } catch (error) {
    hearError(error)
  }
}

async function flowsOfTheStart(): Promise<void> {
  const app = await AppProcess.inEmptyFolder()
  const real = {
    WECHAT_APPID: shop.appID,
    WECHAT_APPSECRET: shop.appSecret,
    WECHAT_TOKEN: shop.token,
    LOG_LEVEL: 'trace',
  }
  const faulty = {
    ...real,
    WECHAT_ENCODING_AES_KEY: aesKey.slice(1),
    WECHAT_APPSECRET: `${shop.appSecret}x`,
    PORT: hubKey,
  }
  for (const env of [faulty, { ...real, WECHAT_API_DOMAIN: `http://${hubKey}@evil.example/` }]) {
    app.start({ ...env, WECHAT_HUB_KEY: hubKey })
    await app.ended()
    said.push(app.stderr, app.logText)
  }
  const url = await app.listening({ ...real, WECHAT_HUB_KEY: hubKey, WECHAT_API_DOMAIN: 'http://127.0.0.1:9' })
  const answer = await fetch(`${url}/v1/default/access-token`, { headers: { authorization: `Bearer ${hubKey}` } })
  said.push(await answer.text())
  app.signal('SIGTERM')
  await app.ended()
  said.push(app.stderr, app.logText)
  for (const name of await readdir(join(app.folder, 'data'), { recursive: true })) said.push(name)
  said.push(await readFile(join(app.folder, 'data', shop.appID, 'fetches.json'), 'utf8'))
  await app.remove()
}
