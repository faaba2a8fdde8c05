import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openLevel } from '../../src/stores/level.js'
import { handshakeSignature } from '../../src/wechat/signature.js'
import { sessionSignature } from '../../src/wechat/user-data.js'
import { encrypted, type LoggedIn, MiniProgramScene, signed } from '../sessions/mini-program-scene.js'
import { BackEndServer } from '../support/back-end.js'
import { formsOf } from '../support/leaks.js'
import { hubKey, readJson, shop } from '../support/running-hub.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'

/** Who is logged in. Each caller of each route is somebody else: some routes end a session. */
interface User {
  readonly openid: string
  readonly code: string
  readonly session: string
  readonly session_key: string
}

/** A request with a session. Of the statuses the first is for the mini program, the second for a back end with its key. */
interface Call {
  readonly to: string
  readonly body?: unknown
  readonly statuses: readonly [number, number]
}

/** Something that left the hub, or that it wrote. */
interface Said {
  readonly kind: 'answer' | 'log' | 'metrics' | 'to a back end' | 'file'
  /** Of answers the request, of files the name. */
  readonly about: string
  readonly bytes: Buffer
}

const callers = ['mini program', 'back end'] as const
type Caller = (typeof callers)[number]
const page = 'http://www.example.test/'
const one = '/v1/shop/sessions/current'

const said: Said[] = []
/** Those of logins, and those of codes that no login came of. */
const sessionKeys = new Set<string>()
/** Those that were given out, by login and by renewal. */
const sessions = new Set<string>()
const unexpected: string[] = []
const letters: string[] = []

let dataDir: string
let routed: readonly string[]
let scene: MiniProgramScene
let backEnd: BackEndServer
let backEndUrl: string

beforeAll(async () => {
  dataDir = temporaryFolder()
  backEnd = await BackEndServer.start((_asked, response) => {
    response.statusCode = 500
    return ''
  })
  backEndUrl = backEnd.url
  scene = await start()
  const { routers } = scene.running.hub
  routed = routers
    .flatMap(({ stack }) => stack)
    .flatMap(({ methods, path }) => methods.map((method) => `${method} ${String(path)}`))
    .filter((route) => !route.startsWith('HEAD '))
  await deadLettersCome()
  for (const [route, calls] of Object.entries(examples)) {
    for (const caller of callers) {
      const user = await newUser()
      for (const call of calls(user)) await take(route, caller, user, call)
    }
  }
  await gatewayIsCalled()
  await dataAreWrong()
  await wechatFails()
  say('metrics', '', await (await scene.running.request('/metrics')).text())
  await scene.close()
  await backEnd.close()
  for (const line of scene.running.logLines) say('log', '', line)
  for (const asked of backEnd.asked) say('to a back end', asked.path, JSON.stringify(asked))
  await filesAreRead()
}, 120_000)

afterAll(() => removeFolder(dataDir))

/** What each route is called with; nothing of what it answers may be worse than a refusal that is meant. */
const examples: Readonly<Record<string, (user: User) => readonly Call[]>> = {
  'GET /': () => [{ to: `/?${signature()}`, statuses: [200, 200] }],
  'GET /wx': () => [{ to: `/wx?${signature()}`, statuses: [200, 200] }],
  'GET /wx/:account': () => [
    { to: `/wx/shop?${signature()}`, statuses: [200, 200] },
    { to: '/wx/shop', statuses: [403, 403] },
  ],
  'POST /wx': ({ openid }) => [{ to: `/wx?${signature()}`, body: pushFrom(openid), statuses: [200, 200] }],
  'POST /wx/:account': ({ openid }) => [
    { to: `/wx/shop?${signature()}`, body: pushFrom(openid), statuses: [200, 200] },
    { to: `/wx/blog?${signature()}`, body: pushFrom(openid), statuses: [403, 403] },
  ],
  'GET /healthz': () => [{ to: '/healthz', statuses: [200, 200] }],
  'GET /readyz': () => [{ to: '/readyz', statuses: [200, 200] }],
  'GET /metrics': () => [{ to: '/metrics', statuses: [401, 200] }],
  'GET /getAccessToken': () => [{ to: '/getAccessToken?account=shop', statuses: [401, 200] }],
  'GET /v1/:account/access-token': () => [{ to: '/v1/shop/access-token', statuses: [401, 200] }],
  'POST /v1/:account/access-token/rejected': ({ session }) => [
    { to: '/v1/shop/access-token/rejected', body: { access_token: session }, statuses: [401, 200] },
  ],
  'GET /v1/:account/ticket': () => [
    { to: '/v1/shop/ticket?type=jsapi', statuses: [401, 200] },
    { to: '/v1/blog/ticket?type=wx_card', statuses: [401, 200] },
  ],
  'GET /cgi-bin/token': () => [
    { to: `/cgi-bin/token?grant_type=client_credential&appid=${shop.appID}&secret=${hubKey}`, statuses: [200, 200] },
  ],
  'POST /cgi-bin/token': () => [{ to: '/cgi-bin/token', body: {}, statuses: [200, 200] }],
  'GET /cgi-bin/stable_token': () => [{ to: '/cgi-bin/stable_token', statuses: [200, 200] }],
  'POST /cgi-bin/stable_token': () => [
    {
      to: '/cgi-bin/stable_token',
      body: { grant_type: 'client_credential', appid: shop.appID, secret: hubKey },
      statuses: [200, 200],
    },
  ],
  'GET /cgi-bin/ticket/getticket': ({ session }) => [
    { to: `/cgi-bin/ticket/getticket?type=jsapi&appid=${shop.appID}`, statuses: [200, 200] },
    { to: `/cgi-bin/ticket/getticket?type=jsapi&access_token=${session}`, statuses: [200, 200] },
  ],
  'POST /cgi-bin/ticket/getticket': () => [
    { to: `/cgi-bin/ticket/getticket?type=jsapi&appid=${shop.appID}`, body: {}, statuses: [200, 200] },
  ],
  'GET /v1/:account/jssdk': () => [
    { to: `/v1/shop/jssdk?url=${encodeURIComponent(page)}`, statuses: [200, 200] },
    { to: '/v1/shop/jssdk?url=http%3A%2F%2Fevil.example.test', statuses: [403, 403] },
  ],
  'OPTIONS /v1/:account/jssdk': () => [{ to: '/v1/shop/jssdk', statuses: [204, 204] }],
  'GET /v1/jssdk.js': () => [{ to: '/v1/jssdk.js', statuses: [200, 200] }],
  'POST /v1/:account/card-signature': ({ openid }) => [
    { to: '/v1/shop/card-signature', body: { card_id: 'pCard', openid }, statuses: [401, 200] },
  ],
  'GET /v1/:account/dead-letters': () => [{ to: '/v1/shop/dead-letters', statuses: [401, 200] }],
  'POST /v1/:account/dead-letters/:id/redeliver': () => [
    { to: `/v1/shop/dead-letters/${letters[0]}/redeliver`, body: {}, statuses: [401, 202] },
  ],
  'DELETE /v1/:account/dead-letters/:id': () => [{ to: `/v1/shop/dead-letters/${letters[1]}`, statuses: [401, 200] }],
  'POST /v1/:account/sessions': ({ code }) => [
    // One that was used, and one of the same user that was not.
    { to: '/v1/shop/sessions', body: { code }, statuses: [200, 200] },
    { to: '/v1/shop/sessions', body: { code: newCode().code }, statuses: [200, 200] },
    { to: '/v1/blog/sessions', body: { code }, statuses: [404, 404] },
  ],
  'GET /v1/:account/sessions/current': () => [
    { to: one, statuses: [200, 200] },
    { to: '/v1/blog/sessions/current', statuses: [404, 404] },
  ],
  'DELETE /v1/:account/sessions/current': () => [
    { to: one, statuses: [200, 200] },
    { to: one, statuses: [401, 401] },
  ],
  'POST /v1/:account/sessions/current/renew': () => [
    { to: `${one}/renew`, statuses: [200, 200] },
    { to: `${one}/renew`, statuses: [200, 200] },
  ],
  'POST /v1/:account/sessions/current/decrypt': ({ openid, session_key }) => [
    { to: `${one}/decrypt`, body: sealedFor(openid, session_key), statuses: [200, 200] },
    { to: `${one}/decrypt`, body: sealedFor(openid, session_key, { appid: 'wx' }), statuses: [400, 400] },
    { to: `${one}/decrypt`, body: sealedFor(openid, session_key, { timestamp: 1 }), statuses: [400, 400] },
    { to: `${one}/decrypt`, body: { ...sealedFor(openid, session_key), iv: session_key }, statuses: [400, 400] },
    { to: `${one}/decrypt`, body: {}, statuses: [400, 400] },
  ],
  'POST /v1/:account/sessions/current/verify': ({ session_key }) => [
    { to: `${one}/verify`, body: signed(session_key, 'data'), statuses: [200, 200] },
    { to: `${one}/verify`, body: { ...signed(session_key, 'data'), signature: session_key }, statuses: [400, 400] },
  ],
  'POST /v1/:account/phone': ({ code }) => [
    { to: '/v1/shop/phone', body: { code: newCode().code }, statuses: [401, 200] },
    { to: '/v1/shop/phone', body: { code }, statuses: [401, 400] },
  ],
  'GET /v1/:account/users/:openid': ({ openid }) => [
    { to: `/v1/shop/users/${openid}`, statuses: [401, 200] },
    { to: '/v1/shop/users/oNobody', statuses: [401, 404] },
  ],
  'DELETE /v1/:account/users/:openid/sessions': ({ openid }) => [
    { to: `/v1/shop/users/${openid}/sessions`, statuses: [401, 200] },
    { to: one, statuses: [200, 401] },
  ],
  'DELETE /v1/:account/users/:openid': ({ openid }) => [
    { to: `/v1/shop/users/${openid}`, statuses: [401, 200] },
    { to: one, statuses: [200, 401] },
  ],
}

function start(): Promise<MiniProgramScene> {
  const route = { match: {}, late: 'customer-service', timeout: 10, format: 'json', secret: 'of a route' } as const
  return MiniProgramScene.start({
    dataDir,
    shop: { jsDomains: ['www.example.test'], routes: [{ ...route, to: backEndUrl, observe: true }] },
    config: {
      log: { level: 'trace' },
      limits: { clientPerMinute: 0, refusedPerMinute: 0, pagesPerMinute: 0, loginsPerMinute: 0 },
      sessions: { ttl: 1800, maxLife: 86_400, grace: 60, userDataMaxAge: 300 },
    },
  })
}

/** The signature of WeChat's callbacks. */
function signature(): string {
  const given = { timestamp: '1714036504', nonce: '1514711492' }
  const query = { signature: handshakeSignature(shop.token, given.timestamp, given.nonce), ...given, echostr: 'echo' }
  return String(new URLSearchParams(query))
}

function pushFrom(openid: string): string {
  const ids = `<ToUserName>gh_1</ToUserName><FromUserName>${openid}</FromUserName><MsgId>1</MsgId>`
  return `<xml>${ids}<CreateTime>1714036504</CreateTime><MsgType>text</MsgType><Content>hi</Content></xml>`
}

function sealedFor(openId: string, session_key: string, watermark: object = {}) {
  const timestamp = Math.floor(scene.clock.now() / 1000)
  return encrypted(session_key, { openId }, { appid: shop.appID, timestamp, ...watermark })
}

function say(kind: Said['kind'], about: string, what: string | Buffer): void {
  said.push({ kind, about, bytes: Buffer.from(what) })
}

/** A code of `wx.login`, whose session_key is one to look for from now on. */
function newCode(openid?: string) {
  const made = scene.code({ openid, unionid: 'oUnion' })
  sessionKeys.add(made.session_key)
  return made
}

async function newUser(): Promise<User> {
  const made = newCode()
  const { text } = await hear('POST /v1/shop/sessions', scene.sendCode(made.code))
  const { session }: LoggedIn = JSON.parse(text)
  return { ...made, session }
}

/** All of an answer: its status line, its headers and its body as it came. */
async function hear(about: string, asked: Promise<Response>): Promise<{ status: number; text: string }> {
  const answer = await asked
  const body = Buffer.from(await answer.arrayBuffer())
  const head = `${answer.status} ${answer.statusText} ${JSON.stringify([...answer.headers])} `
  say('answer', about, Buffer.concat([Buffer.from(head), body]))
  const text = body.toString()
  for (const [session] of text.matchAll(/whs_[\w-]{43}/g)) sessions.add(session)
  return { status: answer.status, text }
}

async function take(route: string, caller: Caller, { session }: User, { to, body, statuses }: Call): Promise<void> {
  const method = route.slice(0, route.indexOf(' '))
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const { status } = await hear(`${method} ${to}`, ask(caller, session, to, method, text))
  const expected = statuses[callers.indexOf(caller)]
  if (status !== expected) unexpected.push(`${caller}: ${method} ${to} ${status}, not ${expected}`)
}

function ask(caller: Caller, session: string, to: string, method = 'GET', body?: string): Promise<Response> {
  const origin = { origin: new URL(page).origin, 'access-control-request-method': 'GET' }
  const headers = { 'content-type': 'application/json', ...origin }
  const sent = { method, headers, ...(body === undefined ? {} : { body }) }
  if (caller === 'mini program') return scene.running.request(to, { ...sent, key: session })
  return scene.running.request(to, { ...sent, headers: { ...headers, 'x-session': session } })
}

/** WeChat's own paths, those that answer a session_key or take a signature of it among them. */
async function gatewayIsCalled(): Promise<void> {
  const { openid, session, session_key } = await newUser()
  const { code } = newCode(openid)
  const exchange = `appid=${shop.appID}&js_code=${code}&grant_type=authorization_code`
  const check = `openid=${openid}&signature=${sessionSignature(session_key, '')}&sig_method=hmac_sha256`
  const paths = [
    `/cgi-bin/user/info?appid=${shop.appID}&openid=${openid}`,
    `/cgi-bin/user/info?access_token=${session}&openid=${openid}`,
    `/wxa/checksession?appid=${shop.appID}&${check}`,
    `/wxa/resetusersessionkey?appid=${shop.appID}&${check}`,
    `/wxa/business/getuserencryptkey?appid=${shop.appID}&${check}`,
    `/sns/jscode2session?${exchange}`,
    `/sns/jscode2session?${exchange}&secret=${shop.appSecret}`,
    `/SNS/jscode2session?${exchange}&secret=${shop.appSecret}`,
    `//sns/jscode2session?${exchange}&secret=${shop.appSecret}`,
  ]
  for (const to of paths) for (const caller of callers) await hear(`GET ${to}`, ask(caller, session, to))
}

/** What is broken, and what a stranger could put in place of it. */
async function dataAreWrong(): Promise<void> {
  const { openid, session, session_key } = await newUser()
  const bodies = ['{', '[]', '""', session_key, JSON.stringify({ session_key }), JSON.stringify({ code: session_key })]
  for (const method of ['POST', 'PUT', 'GET', 'DELETE']) {
    for (const to of [
      `${one}/decrypt`,
      `${one}/verify`,
      `${one}/renew/x`,
      '/v1/shop/phone',
      '/v1/shop/sessions',
      '/x',
    ]) {
      for (const body of method === 'GET' ? [undefined] : bodies)
        await hear(to, ask('mini program', session, to, method, body))
    }
  }
  // As by a login on another phone: WeChat has another session_key by now.
  newCode(openid)
  const { status } = await hear(
    'replaced',
    scene.asVisitor(session, 'POST', '/decrypt', { encryptedData: 'AAAA', iv: 'AAAA' }),
  )
  if (status !== 409) unexpected.push(`a replaced session_key: ${status}`)
}

/** WeChat names the session_key that the hub asks about; it fails otherwise; it gives half of an answer, the half with the key. */
async function wechatFails(): Promise<void> {
  const { openid, session, session_key } = await newUser()
  const { faults } = scene.running.sandbox
  const errmsg = `bad ${formsOfKey(session_key).join(' ')}`.slice(0, 1000)
  for (const errcode of [-1, 40029, 40226, 99_999]) {
    faults.add({ kind: 'errcode', path: '/wxa/checksession', errcode, errmsg })
    for (const path of ['/sns/', '/wxa/business/']) faults.add({ kind: 'errcode', path, errcode })
    // So that the question is put again.
    await scene.clock.advance(60_000)
    const { code } = newCode(openid)
    await hear('POST /v1/shop/sessions', scene.sendCode(code))
    await hear('POST /decrypt', scene.asVisitor(session, 'POST', '/decrypt', sealedFor('oAnother', session_key)))
    await hear('POST /verify', scene.asVisitor(session, 'POST', '/verify', { rawData: 'data', signature: '0' }))
    await hear('POST /v1/shop/phone', scene.running.post('/v1/shop/phone', { code }))
    faults.clear()
  }
  const half = scene.running.sandbox.codes.create(shop.appID)
  half.session.openid = ''
  sessionKeys.add(half.session.session_key)
  const { status } = await hear('POST /v1/shop/sessions', scene.sendCode(half.code))
  if (status !== 503) unexpected.push(`half a login: ${status}`)
}

/** Two, for the one that is delivered again and the one that is removed. */
async function deadLettersCome(): Promise<void> {
  const { running, clock } = scene
  for (const Content of ['first', 'second']) await running.sandbox.push({ message: { Content, FromUserName: 'oUser' } })
  await until(() => running.logLines.filter((line) => line.includes('push-not-sent')).length >= 2)
  clock.freeze(86_400_000)
  await clock.advance(1)
  await until(async () => {
    const answer = await readJson<{ dead_letters: { id: string }[] }>(await running.request('/v1/shop/dead-letters'))
    letters.splice(0, letters.length, ...answer.dead_letters.map(({ id }) => id))
    return letters.length === 2
  })
}

/** Every file of the data folder as it lies there, and what the store's say: the store may have compressed it. */
async function filesAreRead(): Promise<void> {
  for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(dataDir, path)
    say('file', name, name)
    if (entry.isFile()) say('file', name, await readFile(path))
  }
  const store = await openLevel(dataDir, { clock: scene.clock })
  for (const { key, value } of await store.list({ prefix: '', limit: 10_000 })) say('file', 'store', `${key} ${value}`)
  await store.close()
}

/** It is base64: its bytes are as good as it is. */
function formsOfKey(session_key: string): (string | Buffer)[] {
  const bytes = Buffer.from(session_key, 'base64')
  const hex = bytes.toString('hex')
  const own = (before: string) =>
    Buffer.from(`${before}${session_key}`).toString('base64').replace(/=+$/, '').slice(4, -2)
  return [
    ...formsOf(session_key),
    ...[
      encodeURIComponent(encodeURIComponent(session_key)),
      session_key.replace(/=+$/, ''),
      bytes.toString('base64url'),
    ],
    ...[hex, hex.toUpperCase(), hex.replaceAll(/../g, '%$&'), hex.toUpperCase().replaceAll(/../g, '%$&')],
    // Inside something longer that is in base64 itself.
    ...['', 'a', 'ab'].map(own),
    ...[JSON.stringify([...bytes]).slice(1, -1), bytes],
  ]
}

function leaksOf(forms: readonly (string | Buffer)[], places: readonly Said[]): string[] {
  const found = places.filter(({ bytes }) => forms.some((form) => bytes.includes(form)))
  return found.map(({ kind, about, bytes }) => `${kind} ${about}: ${bytes.toString('latin1').slice(0, 300)}`)
}

describe('a session_key (P9)', () => {
  it('goes with somebody who is logged in through every route of the routers, and each answers as it should', () => {
    expect(Object.keys(examples).sort()).toEqual([...routed].sort())
    expect(unexpected).toEqual([])
    expect(sessionKeys.size).toBeGreaterThan(routed.length * callers.length)
  })

  it('is in nothing that leaves the hub or that it writes, in any form', () => {
    for (const place of ['answer', 'log', 'metrics', 'to a back end', 'file audit', 'file level', 'file store']) {
      const found = said.filter(({ kind, about }) => `${kind} ${about}`.startsWith(place))
      expect(found.length, place).toBeGreaterThan(0)
    }
    expect(leaksOf([...sessionKeys].flatMap(formsOfKey), said)).toEqual([])
  })

  it('would be found in each form', () => {
    const [session_key = ''] = sessionKeys
    for (const form of formsOfKey(session_key)) {
      const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(form), Buffer.from('"}')])
      expect(leaksOf(formsOfKey(session_key), [{ kind: 'log', about: '', bytes }])).toHaveLength(1)
    }
  })
})

describe('a session', () => {
  const written = () => said.filter(({ kind }) => kind !== 'answer')

  it('is in no file, log line or metric, nor sent to the back ends of pushes', () => {
    expect(sessions.size).toBeGreaterThan(routed.length * callers.length)
    const forms = [...sessions].flatMap((text) => [
      ...formsOf(text),
      text.slice(4),
      Buffer.from(text.slice(4), 'base64url'),
    ])
    expect(leaksOf(forms, written())).toEqual([])
  })

  it('is nothing that stands in a file', async () => {
    const texts = written().map(({ bytes }) => bytes.toString('latin1'))
    const runs = new Set(texts.flatMap((text) => [...text.matchAll(/[\w-]{43,}/g)].map(([run]) => run)))
    const tries = new Set([...runs].flatMap((run) => [run, `whs_${run.slice(0, 43)}`, `whs_${run.slice(-43)}`]))
    expect(runs.size).toBeGreaterThan(sessionKeys.size / 2)
    scene = await start()
    try {
      const statuses = new Set<number>()
      for (const text of tries) statuses.add(await scene.statusOf(text))
      expect([...statuses]).toEqual([401])
      // And not because nobody gets in.
      expect(await scene.statusOf([...sessions].at(-1) ?? '')).toBe(200)
    } finally {
      await scene.close()
    }
  })
})
