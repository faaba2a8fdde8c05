import type { RequestListener, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, GatewayScene } from '../support/gateway-scene.js'
import { hubKey, shop } from '../support/running-hub.js'
import { json, refusal } from '../support/stand-in.js'
import { until } from '../support/until.js'

const path = '/cgi-bin/user/info'

let scene: GatewayScene

beforeEach(async () => {
  scene = await GatewayScene.start()
})

afterEach(async () => {
  await scene.close()
  expect(scene.errors).toEqual([])
})

/** These bytes and no others, then what `after` does to the connection. Default: its end. */
function bytes(parts: readonly (string | Buffer)[], after = end): RequestListener {
  return (request, response) => {
    request.resume()
    const whole = Buffer.concat(parts.map((part) => Buffer.from(part)))
    response.socket?.write(whole, () => after(response))
  }
}
const end = ({ socket }: ServerResponse) => void socket?.end()
/** So that what was written is read before. */
const reset = ({ socket }: ServerResponse) => void setTimeout(() => socket?.resetAndDestroy(), 20)
const head = (...lines: string[]) => `${['HTTP/1.1 200 OK', ...lines].join('\r\n')}\r\n\r\n`
const answer = (status: number, headers: Record<string, string>, body: string | Buffer = ''): RequestListener => {
  return (_request, response) => response.writeHead(status, headers).end(body)
}
const long = Buffer.alloc(100_000, 'x')
const type = { 'content-type': 'application/json' }
const page = '<html>error</html>'

/** JSON of just that many bytes. */
function jsonOf(length: number): string {
  const empty = JSON.stringify({ errcode: 0, text: '' })
  return JSON.stringify({ errcode: 0, text: 'a'.repeat(length - empty.length) })
}

type Taken = readonly [name: string, answer: RequestListener, method?: string]

const taken: readonly Taken[] = [
  ['204', answer(204, {})],
  ['304', answer(304, { etag: '"a"' })],
  ['304 with the length of what it does not send', answer(304, { etag: '"a"', 'content-length': '5000' })],
  ['an empty body', answer(200, { ...type, 'content-length': '0' })],
  ['500 with HTML', answer(500, { 'content-type': 'text/html' }, page)],
  [
    '502 with HTML of a length that it tells',
    answer(502, { 'content-type': 'text/html', 'content-length': '18' }, page),
  ],
  ['400 with long HTML', answer(400, { 'content-type': 'text/html' }, long)],
  ['4096 bytes of JSON', answer(200, { ...type, 'content-length': '4096' }, jsonOf(4096))],
  ['4097 bytes of JSON', answer(200, { ...type, 'content-length': '4097' }, jsonOf(4097))],
  ['4096 bytes of JSON in chunks', answer(200, type, jsonOf(4096))],
  ['4097 bytes of JSON in chunks', answer(200, type, jsonOf(4097))],
  ['100 KB in chunks', answer(200, { 'content-type': 'image/jpeg' }, long)],
  ['JSON without a content-type', answer(200, {}, '{"errcode":45009}')],
  ['JSON with a byte order mark', answer(200, type, '\uFEFF{"errcode":45009,"errmsg":"over"}')],
  ['control characters in errmsg', answer(200, type, '{"errcode":45009,"errmsg":"a\u0001\nb"}')],
  ['JSON that is none', answer(200, type, '{"errcode":400')],
  ['bytes that are no UTF-8', answer(200, type, Buffer.from([123, 255, 254, 0, 125]))],
  ['gzip', answer(200, { ...type, 'content-encoding': 'gzip' }, gzipSync('{"errcode":40001}'))],
  ['a file name in UTF-8', answer(200, { 'content-disposition': Buffer.from('a="图"').toString('latin1') }, 'a')],
  ['102 before the answer', bytes(['HTTP/1.1 102 Processing\r\n\r\n', head('content-length: 2'), '{}'])],
  ['103 before the answer', bytes(['HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n', head('content-length: 2'), '{}'])],
  ['a short answer up to the end of the connection', bytes([head('connection: close'), '{}'])],
  ['a long answer up to the end of the connection', bytes([head('connection: close', 'content-type: a/b'), long])],
  ['HTTP/1.0', bytes(['HTTP/1.0 200 OK\r\ncontent-type: a/b\r\n\r\n', long])],
  ['HEAD with a short length', answer(200, { ...type, 'content-length': '100' }), 'HEAD'],
  ['HEAD with a length', answer(200, { 'content-type': 'image/jpeg', 'content-length': '100000' }), 'HEAD'],
]

const passed = ['content-type', 'content-length', 'content-encoding', 'content-disposition', 'etag'] as const

const named = taken.map(([name, answering, method = 'GET']) => ({ name, answering, method }))

it.each(named)('$name: the caller gets what WeChat gave', async ({ answering, method }) => {
  await scene.ask(path)
  scene.wechat.answer = answering
  const direct = await ask(`${scene.wechat.apiDomain.slice(0, -1)}${path}`, { method })
  const calls = scene.wechat.calls.length
  const through = await scene.ask(path, { method })
  expect(through.status).toBe(direct.status)
  expect(through.body.equals(direct.body)).toBe(true)
  // The hub tells the length of what it has looked at; WeChat need not have.
  const known = passed.filter((name) => name !== 'content-length' || direct.headers[name] !== undefined)
  const pick = (headers: typeof direct.headers) => known.map((name) => headers[name])
  expect(pick(through.headers)).toEqual(pick(direct.headers))
  expect(scene.wechat.calls.length).toBe(calls + 1)
  expect(await scene.outcomes()).toEqual({ forwarded: 2 })
})

it.each([301, 302, 307, 308])('a redirect (%d) is not followed, and its address not told', async (status) => {
  scene.wechat.answer = answer(status, { location: `${scene.wechat.apiDomain}cgi-bin/b?access_token=token-1` }, 'moved')
  const { status: given, body, headers } = await scene.ask(path)
  expect([given, body.toString(), headers.location]).toEqual([status, 'moved', undefined])
  expect(scene.wechat.callsOf('/cgi-bin/b')).toEqual([])
})

it('an answer before the end of the request is the answer, whatever becomes of the rest', async () => {
  const body = async function* () {
    for (let sent = 0; sent < 100; sent += 1) yield long
  }
  scene.wechat.answer = answer(200, type, '{"errcode":45009}')
  expect((await scene.ask(path, { body: body() })).json).toEqual({ errcode: 45009 })
  scene.wechat.answer = answer(413, { 'content-type': 'text/html' }, long)
  expect((await scene.ask(path, { body: body() })).status).toBe(413)
})

const unreachable: readonly (readonly [name: string, answer: RequestListener])[] = [
  ['resets the connection', (_request, { socket }) => socket?.resetAndDestroy()],
  ['closes the connection', (_request, { socket }) => socket?.destroy()],
  ['resets it in the middle of the headers', bytes(['HTTP/1.1 200 OK\r\ncontent-ty'], reset)],
  ['resets it in the middle of a short answer', bytes([head('content-length: 50'), '{"errcode":0'], reset)],
  ['ends a short answer before its length', bytes([head('content-length: 50'), '{"errcode":0'])],
  ['does so after it said that it would close', bytes([head('content-length: 50', 'connection: close'), '{"err'])],
  ['resets a short answer without a length', bytes([head('connection: close'), '{"errcode":0'], reset)],
  ['ends a short answer in chunks before the last', bytes([head('transfer-encoding: chunked'), '2\r\n{}\r\n'])],
  ['answers something that is no HTTP', bytes(['hello\r\n\r\n'])],
  ['answers HTTP of a strange kind', bytes(['HTTP/1.1 abc OK\r\n\r\n'])],
  ['answers with two lengths', bytes([head('content-length: 2', 'content-length: 3'), '{}'])],
  ['switches to another protocol', bytes(['HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'])],
  ['answers with too many headers', bytes([head(`a: ${'a'.repeat(100_000)}`), '{}'])],
]

describe('WeChat counts as unreachable if it', () => {
  it.each(unreachable)('%s', async (_name, answering) => {
    scene.wechat.answer = answering
    for (const asking of [{}, { body: Buffer.from('{}') }, { body: Buffer.alloc(100_000) }]) {
      const { status, json: said } = await scene.ask(path, asking)
      expect([status, said.errcode]).toEqual([200, -1])
      expect(said.errmsg).toMatch(/^system error: WeChat could not be reached \([A-Za-z_]+\)$/)
    }
    expect(scene.wechat.calls).toHaveLength(3)
    expect(await scene.outcomes()).toEqual({ unreachable: 3 })
  })

  it('refuses connections', async () => {
    await scene.ask(path)
    await scene.wechat.close()
    for (const body of [undefined, Buffer.from('{}'), Buffer.alloc(100_000)]) {
      const { status, json: said } = await scene.ask(path, body === undefined ? {} : { body })
      expect([status, said.errcode]).toEqual([200, -1])
    }
    expect(await scene.outcomes()).toEqual({ forwarded: 1, unreachable: 3 })
  })
})

const jpeg = 'content-type: image/jpeg'
const broken: readonly (readonly [name: string, answer: RequestListener])[] = [
  ['is reset', bytes([head(jpeg, 'content-length: 200000'), long], reset)],
  ['ends before its length', bytes([head(jpeg, 'content-length: 200000'), long])],
  ['ends before its length, as was said', bytes([head(jpeg, 'content-length: 200000', 'connection: close'), long])],
  ['ends before the last chunk', bytes([head(jpeg, 'transfer-encoding: chunked'), '186a0\r\n', long, '\r\n'])],
  ['has a chunk without a length', bytes([head(jpeg, 'transfer-encoding: chunked'), '186a0\r\n', long, '\r\nhello'])],
  ['has no length and is reset', bytes([head(jpeg, 'connection: close'), long], reset)],
  [
    'is a long text that ends early',
    bytes([head('content-type: text/plain', 'transfer-encoding: chunked'), '186a0\r\n', long]),
  ],
]

describe('a long answer that', () => {
  it.each(broken)('%s is broken to the caller too', async (_name, answering) => {
    scene.wechat.answer = answering
    await expect(scene.ask(path)).rejects.toThrow(/aborted|ECONNRESET/)
    await until(async () => (await scene.outcomes())['broken-off'] === 1)
  })

  it('is broken off is reset to a caller who knows no other sign', async () => {
    scene.wechat.answer = bytes([head(jpeg, 'transfer-encoding: chunked'), '186a0\r\n', long])
    const socket = connect(Number(new URL(scene.running.url).port), '127.0.0.1')
    socket.write(`GET ${path}?appid=${shop.appID} HTTP/1.0\r\nauthorization: Bearer ${hubKey}\r\n\r\n`)
    const error = await new Promise((resolve) => {
      socket
        .resume()
        .once('error', resolve)
        .once('end', () => resolve(undefined))
    })
    expect(error).toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('a call on a kept connection that WeChat has just closed', () => {
  const kept = async (method: string, drop: RequestListener, times = 1) => {
    await scene.ask(path)
    const [first] = scene.wechat.sockets
    let dropped = 0
    scene.wechat.answer = (request, response) => {
      if (dropped === times) return json(response, { errcode: 0, again: request.socket !== first })
      dropped += 1
      drop(request, response)
    }
    const said = await scene.ask(path, method === 'POST' ? { method, body: Buffer.from('{}') } : { method })
    return { said, calls: scene.wechat.calls.length - 1 }
  }
  const drops: readonly (readonly [how: string, drop: RequestListener])[] = [
    ['closed', (_request, { socket }) => socket?.destroy()],
    ['reset', (_request, { socket }) => socket?.resetAndDestroy()],
  ]

  it.each(drops)('is made once more on a fresh one if it is a GET (%s)', async (_how, drop) => {
    const { said, calls } = await kept('GET', drop)
    expect([said.json, calls]).toEqual([{ errcode: 0, again: true }, 2])
    expect(await scene.outcomes()).toEqual({ forwarded: 2 })
  })

  it.each(drops)('is made once more if it is a HEAD (%s)', async (_how, drop) => {
    const { said, calls } = await kept('HEAD', drop)
    expect([said.status, said.headers['content-type'], calls]).toEqual([200, 'application/json; encoding=utf-8', 2])
  })

  it.each(drops)('is not made again if it is a POST: WeChat may have done it (%s)', async (_how, drop) => {
    const { said, calls } = await kept('POST', drop)
    expect([said.json.errcode, calls]).toEqual([-1, 1])
  })

  it.each(drops)('is not made a third time (%s)', async (_how, drop) => {
    const { said, calls } = await kept('GET', drop, 3)
    expect([said.json.errcode, calls]).toEqual([-1, 2])
  })

  it('is not made again once an answer has begun', async () => {
    const { said, calls } = await kept('GET', bytes(['HTTP/1.1 200 OK\r\ncont']))
    expect([said.json.errcode, calls]).toEqual([-1, 1])
  })
})

it('an answer of 40001 that a byte order mark or control characters garble is still understood', async () => {
  for (const text of ['\uFEFF{"errcode":40001,"errmsg":"a"}', '{"errcode":40001,"errmsg":"\u0001"}']) {
    await scene.ask(path)
    scene.wechat.tokenDead = true
    scene.wechat.answer = (_request, response) => {
      if (scene.wechat.tokenDead) response.writeHead(200, type).end(text)
      else json(response, refusal(0))
    }
    expect((await scene.ask(path)).json.errcode).toBe(0)
    // The second report within 5 s would wait for them to be over.
    await scene.close()
    scene = await GatewayScene.start()
  }
})
