import { afterEach, describe, expect } from 'vitest'
import { shop } from '../support/running-hub.js'
import { type Answered, realTokens } from './recording-upstream.js'
import {
  answersIn,
  bearer,
  type GatewayScene,
  gatewayTest,
  type RawAnswer,
  testClient,
} from './recording-upstream-scene.js'

const client = testClient(['shop'], 'gateway:/cgi-bin/*')
const test = gatewayTest({ client })
const path = '/cgi-bin/message/x'
const real = realTokens[shop.appID] ?? ''
const ok: Answered = { body: '{"errcode":0,"errmsg":"ok"}' }

afterEach<{ scene: GatewayScene }>(({ scene }) => {
  scene.upstream.answer = () => ok
  scene.arrived()
})

/** The hub's own: of the connection, and against what it could not read. */
const own: ReadonlySet<string> = new Set(['host', 'connection', 'accept-encoding'])

/** The headers that came to WeChat, without the hub's own. */
async function up(scene: GatewayScene, lines: readonly string[], authorization = bearer(client)) {
  await scene.call(path, [authorization, ...lines])
  const [only, ...others] = scene.arrived()
  expect(others).toEqual([])
  return only?.headers.filter(([name]) => !own.has(name))
}

describe('to WeChat goes', () => {
  test('nothing but the host, the connection and a wish for plain answers for a bare request', async ({ scene }) => {
    await scene.call(path, [bearer(client)])
    expect(scene.arrived()).toEqual([
      {
        method: 'GET',
        target: `${path}?access_token=${real}`,
        headers: [
          ['host', scene.upstream.host],
          ['connection', 'keep-alive'],
          ['accept-encoding', 'identity'],
        ],
        body: '',
      },
    ])
  })

  test.for([
    'Accept: text/plain',
    'Accept-Language: zh_CN',
    'Content-Type: text/xml; charset=utf-8',
    'Content-Encoding: gzip',
    'If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT',
    'If-None-Match: "a"',
    'Range: bytes=0-9',
    'User-Agent: an sdk/1.0 (x; y)',
    'Wechatmp-Appid: wx1',
    'Wechatmp-TimeStamp: 1700000000',
    'Wechatmp-Signature: aGk=+/',
    'Wechatmp-Serial: 0a1b',
    'wechatmp-Later: x',
  ])('%s', async (line, { scene }) => {
    const [name = '', value = ''] = line.split(/: (.*)/)
    expect(await up(scene, [line])).toEqual([[name.toLowerCase(), value]])
  })

  test.for([
    'Cookie: a=b',
    'Cookie2: a',
    'X-Forwarded-For: 1.2.3.4',
    'X-Forwarded-Host: evil',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Prefix: /sns',
    'X-Forwarded-Path: /cgi-bin/token',
    'X-Real-IP: 1.2.3.4',
    'Forwarded: for=1.2.3.4',
    'Via: 1.1 evil',
    'True-Client-IP: 1.2.3.4',
    'X-Original-URL: /cgi-bin/clear_quota',
    'X-Rewrite-URL: /cgi-bin/clear_quota',
    'X-HTTP-Method-Override: DELETE',
    'X-Method-Override: DELETE',
    'Proxy-Authorization: Basic YTpi',
    'Proxy-Authenticate: Basic',
    'Proxy-Connection: keep-alive',
    'Proxy: http://evil/',
    'TE: trailers',
    'Trailer: authorization',
    'Upgrade: websocket',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
    'Expect: 100-continue',
    'Keep-Alive: timeout=5',
    'Accept-Encoding: gzip, br',
    'Referer: http://hub/?access_token=x',
    'Origin: http://evil',
    'Host-Override: evil',
    'X-Host: evil',
    'X-Session: secret',
    'X-Request-Id: abc',
    'Access_Token: x',
    'Wechatmp: x',
    'X-Wechatmp-Appid: wx1',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Transfer_Encoding: chunked',
    'Content_Length: 5',
    ':authority: evil',
  ])('no %s', async (line, { scene }) => {
    const answer = await scene.call(path, [bearer(client), line])
    const [only] = scene.arrived()
    expect(only?.headers.filter(([each]) => !own.has(each)) ?? []).toEqual([])
    expect(only?.target ?? 'refused').toBe(answer?.status === 200 ? `${path}?access_token=${real}` : 'refused')
  })

  test.for([
    ['Connection: authorization, x', [['content-type', 'text/plain']]],
    ['Connection: content-type', []],
    ['Connection: Content-Type', []],
    ['Connection: keep-alive, CONTENT-TYPE ', []],
    ['Connection: x,content-type,y', []],
    ['Connection: ,,content-type', []],
    ['Connection: x\r\nConnection: content-type', []],
    ['Connection: "content-type"', [['content-type', 'text/plain']]],
    ['Connection: host', [['content-type', 'text/plain']]],
    ['Connection: content-length, transfer-encoding', [['content-type', 'text/plain']]],
    ['Connection: upgrade\r\nUpgrade: websocket', [['content-type', 'text/plain']]],
  ] as const)('what the caller’s %j leaves', async ([line, left], { scene }) => {
    const head = `GET ${path} HTTP/1.1\r\nHost: hub\r\n${bearer(client)}\r\nContent-Type: text/plain\r\nX: y\r\n${line}\r\n\r\n`
    await scene.send(head, (text) => answersIn(text).length > 0)
    const [only] = scene.arrived()
    expect(only?.headers.filter(([name]) => !own.has(name))).toEqual(left)
    expect(only?.headers.filter(([name]) => own.has(name))).toEqual([
      ['host', scene.upstream.host],
      ['connection', 'keep-alive'],
      ['accept-encoding', 'identity'],
    ])
  })

  test('no key, whatever is around it', async ({ scene }) => {
    const lines = ['X-Key', 'Cookie', 'Api-Key', 'Proxy-Authorization', 'Authorization-2'].map((name) => {
      return `${name}: Bearer ${client.key}`
    })
    await scene.call(path, [bearer(client), ...lines])
    expect(scene.arrived()).toHaveLength(1)
    expect(scene.upstream.wire).not.toContain(client.key)
  })

  test('the first of two headers of one name, or both in one', async ({ scene }) => {
    expect(await up(scene, ['Content-Type: a/b', 'Content-Type: c/d'])).toEqual([['content-type', 'a/b']])
    expect(await up(scene, ['Accept: a/b', 'Accept: c/d'])).toEqual([['accept', 'a/b, c/d']])
    expect(await up(scene, ['Wechatmp-Serial: 1', 'wechatmp-serial: 2'])).toEqual([['wechatmp-serial', '1, 2']])
  })

  test('no host but its own, however the caller names another', async ({ scene }) => {
    const { host } = scene.forbidden
    for (const line of [`Host: ${host}`, `Host: ${host}@hub`, 'Host: ', `Host: hub, ${host}`]) {
      const rest = `${bearer(client)}\r\nConnection: close\r\n\r\n`
      await scene.send(`GET ${path} HTTP/1.1\r\n${line}\r\n${rest}`)
      for (const { headers } of scene.arrived()) expect(headers[0]).toEqual(['host', scene.upstream.host])
    }
    expect(scene.forbidden.connections).toBe(0)
  })

  test.for(['x\x01', 'x\x7f', 'x\0y', 'x\ty', '\xff', 'x\x0b'])(
    'one value for %j, or nothing',
    async (value, { scene }) => {
      const headers = await up(scene, [`User-Agent: ${value}`])
      expect(headers === undefined || (headers.length === 1 && headers[0]?.[0] === 'user-agent')).toBe(true)
    },
  )
})

async function down(scene: GatewayScene, answered: Answered, lines = [bearer(client)], target = path) {
  scene.upstream.answer = () => answered
  const answer = await scene.call(target, lines)
  if (answer === undefined) throw new Error('there was no answer')
  return answer
}

/** What each answer has of its own. */
const always = ['x-request-id', 'cache-control', 'x-content-type-options', 'date', 'connection', 'content-length']

function others({ headers }: RawAnswer): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !always.includes(name)))
}

describe('to the caller comes', () => {
  test.for([
    'set-cookie',
    'server',
    'location',
    'x-powered-by',
    'www-authenticate',
    'proxy-authenticate',
    'via',
    'link',
    'refresh',
    'content-location',
    'alt-svc',
    'strict-transport-security',
    'access-control-allow-origin',
    'clear-site-data',
    'logicret',
    'trailer',
    'upgrade',
    'expires',
    'pragma',
    'x-accel-redirect',
    'x-sendfile',
  ])('no %s', async (name, { scene }) => {
    expect(others(await down(scene, { ...ok, headers: { [name]: 'x' } }))).toEqual({
      'content-type': 'application/json',
    })
  })

  test('of a length and an end what the hub itself says', async ({ scene }) => {
    const headers = { 'transfer-encoding': 'chunked', connection: 'close, etag', 'keep-alive': 'timeout=99', etag: 'x' }
    const answer = await down(scene, { ...ok, headers })
    expect(others(answer)).toEqual({ 'content-type': 'application/json' })
    expect(answer).toMatchObject(ok)
    expect(answer.headers.get('content-length')).toBe(String(ok.body.length))
  })

  test.for([
    'accept-ranges',
    'content-disposition',
    'content-language',
    'content-range',
    'etag',
    'last-modified',
    'retry-after',
    'wechatmp-signature',
  ])('%s', async (name, { scene }) => {
    expect(others(await down(scene, { ...ok, headers: { [name]: 'x' } }))).toEqual({
      'content-type': 'application/json',
      [name]: 'x',
    })
  })

  const answers: Readonly<Record<string, Answered>> = {
    ok,
    'an error': { body: '{"errcode":45009,"errmsg":"reach max api daily quota limit"}' },
    'a dead token': { body: '{"errcode":48001,"errmsg":"api unauthorized"}' },
    'a picture': { headers: { 'content-type': 'image/png' }, body: 'png' },
    'a long text': { body: JSON.stringify({ text: 'x'.repeat(100_000) }) },
    'a redirect': { status: 302, headers: { location: '/x' }, body: '' },
    'an outage': { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>' },
    'not modified': { status: 304, body: '' },
    'other words for it': {
      ...ok,
      headers: { 'cache-control': 'public', 'x-content-type-options': 'sniff', 'x-request-id': 'theirs' },
    },
  }
  const hasAll = (answer: RawAnswer | undefined) => {
    expect(answer?.headers.get('cache-control')).toBe('no-store')
    expect(answer?.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer?.headers.get('x-request-id')).toBe('mine')
  }

  test.for(Object.entries(answers))('%s with the headers of every answer', async ([, answered], { scene }) => {
    hasAll(await down(scene, answered, [bearer(client), 'X-Request-Id: mine']))
  })

  test.for([
    ['GET', path],
    ['GET', '/cgi-bin/clear_quota'],
    ['GET', '/cgi-bin/../x'],
    ['GET', '//cgi-bin/message/x'],
    ['GET', `${path}?;`],
    ['OPTIONS', path],
    ['GET', '/cgi-bin/token'],
    ['POST', '/cgi-bin/token'],
    ['PUT', '/cgi-bin/token'],
    ['GET', '/cgi-bin/ticket/getticket'],
    ['GET', '/nowhere'],
    ['GET', 'http://evil/cgi-bin/message/x'],
  ] as const)('a refusal of %s %s with the headers of every answer', async ([method, target], { scene }) => {
    hasAll(await scene.call(target, ['X-Request-Id: mine'], method))
    expect(scene.arrived()).toEqual([])
  })

  test('the same, though the caller expects something else', async ({ scene }) => {
    for (const expected of ['100-continue', 'x', '200-ok']) {
      hasAll(await scene.call(path, [bearer(client), 'X-Request-Id: mine', `Expect: ${expected}`]))
    }
    expect(scene.arrived()).toHaveLength(3)
  })
})
