import { afterEach, describe, expect } from 'vitest'
import { shop } from '../support/running-hub.js'
import { realTokens } from './recording-upstream.js'
import { answersIn, bearer, type GatewayScene, gatewayTest, testClient } from './recording-upstream-scene.js'

const client = testClient(['shop'], 'gateway:/cgi-bin/message/*')
const test = gatewayTest({ client })
const real = realTokens[shop.appID] ?? ''
const path = '/cgi-bin/message/x'
const head = (method: string, target: string) => `${method} ${target} HTTP/1.1\r\nHost: hub\r\n${bearer(client)}\r\n`
/** A whole request with which the connection ends. */
const last = (target: string) => `${head('GET', target)}Connection: close\r\n\r\n`
/** What an attacker wants to get past the hub: a path that its key does not open. */
const smuggled = `GET /cgi-bin/clear_quota?access_token=x HTTP/1.1\r\nHost: hub\r\n\r\n`
const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

const answerAll = (scene: GatewayScene) => {
  // Each answer tells which call it is for.
  scene.upstream.answer = ({ target, body }) => ({ body: JSON.stringify({ target: target.split('?')[0], body }) })
}

afterEach<{ scene: GatewayScene }>(({ scene }) => {
  scene.arrived()
  scene.upstream.wire = ''
  expect(scene.forbidden.connections).toBe(0)
})

/** What WeChat got: every request that it parsed, each with the bytes that the hub means by it, and no byte more. */
function arrivedWhole(scene: GatewayScene) {
  const arrived = scene.arrived()
  const { wire } = scene.upstream
  scene.upstream.wire = ''
  const lines = wire.match(/(?:GET|HEAD|POST|PUT|PATCH|DELETE) \/cgi-bin\/message\/\S* HTTP\/1\.1\r\n/g) ?? []
  const inBodies = arrived.flatMap(
    ({ body }) => body.match(/(?:GET|HEAD|POST|PUT|PATCH|DELETE) \/cgi-bin\/message\/\S* HTTP\/1\.1\r\n/g) ?? [],
  )
  expect(lines.length - inBodies.length).toBe(arrived.length)
  for (const { target, headers } of arrived) {
    expect(target.startsWith('/cgi-bin/message/')).toBe(true)
    expect(new URL(target, 'http://x').searchParams.getAll('access_token')).toEqual([real])
    const framing = headers.filter(([name]) => name === 'content-length' || name === 'transfer-encoding')
    expect(framing.length).toBeLessThanOrEqual(1)
    for (const [name, value] of framing) expect(value).toMatch(name === 'content-length' ? /^\d+$/ : /^chunked$/)
  }
  return arrived
}

function pathsOf(arrived: readonly { readonly target: string }[]): (string | undefined)[] {
  return arrived.map(({ target }) => target.split('?')[0])
}

/** Framings that two servers might read in two ways. Behind each comes what would be the smuggled request. */
const ambiguous: Readonly<Record<string, string>> = {
  'a length and chunks': `Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'chunks and a length': `Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n${smuggled}`,
  'chunks and the length of nothing': `Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n${chunked(smuggled)}`,
  'two equal lengths': `Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello${smuggled}`,
  'two lengths': `Content-Length: 5\r\nContent-Length: 0\r\n\r\n${smuggled}`,
  'two lengths, the longer last': `Content-Length: 0\r\nContent-Length: 5\r\n\r\n${smuggled}`,
  'a list of lengths': `Content-Length: 5, 5\r\n\r\nhello${smuggled}`,
  'chunked, identity': `Transfer-Encoding: chunked, identity\r\n\r\n${chunked('hello')}${smuggled}`,
  identity: `Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello${smuggled}`,
  'identity alone': `Transfer-Encoding: identity\r\n\r\n${smuggled}`,
  xchunked: `Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello${smuggled}`,
  'xchunked alone': `Transfer-Encoding: xchunked\r\n\r\n${smuggled}`,
  chunkedx: `Transfer-Encoding: chunkedx\r\n\r\n${chunked('hello')}${smuggled}`,
  'chunked in quotes': `Transfer-Encoding: "chunked"\r\n\r\n${chunked('hello')}${smuggled}`,
  'chunked twice': `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${chunked('hello')}${smuggled}`,
  'chunked behind a tab within': `Transfer-Encoding:\x0bchunked\r\n\r\n${chunked('hello')}${smuggled}`,
  'chunked with a NUL': `Transfer-Encoding: chunked\0\r\n\r\n${chunked('hello')}${smuggled}`,
  'a folded line': `Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\nhello${smuggled}`,
  'a folded length': `Content-Length:\r\n\t5\r\nTransfer-Encoding: chunked\r\n\r\nhello${smuggled}`,
  'a folded header before': `X: y\r\n Content-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n${smuggled}`,
  'a space before the colon': `Content-Length : 5\r\n\r\nhello${smuggled}`,
  'a space before the colon of chunks': `Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\nhello${smuggled}`,
  'a tab before the colon': `Transfer-Encoding\t: chunked\r\n\r\n${smuggled}`,
  'a name after a space': `X: y\r\n\r\n Transfer-Encoding: chunked\r\n\r\n${smuggled}`,
  'no colon': `Content-Length 5\r\n\r\nhello${smuggled}`,
  'no name': `: 5\r\n\r\nhello${smuggled}`,
  'a name with NUL': `Content-Length\0: 5\r\n\r\nhello${smuggled}`,
  'a length below zero': `Content-Length: -5\r\n\r\nhello${smuggled}`,
  'a length with a plus': `Content-Length: +5\r\n\r\nhello${smuggled}`,
  'a length in hexadecimal': `Content-Length: 0x5\r\n\r\nhello${smuggled}`,
  'a length with a point': `Content-Length: 5.0\r\n\r\nhello${smuggled}`,
  'a length with an exponent': `Content-Length: 5e0\r\n\r\nhello${smuggled}`,
  'a length with an underscore': `Content-Length: 1_0\r\n\r\nhello${smuggled}`,
  'a length with a space': `Content-Length: 1 0\r\n\r\nhello${smuggled}`,
  'a length in quotes': `Content-Length: "5"\r\n\r\nhello${smuggled}`,
  'a length of full-width digits': `Content-Length: \xef\xbc\x95\r\n\r\nhello${smuggled}`,
  'a length of nothing': `Content-Length: \r\n\r\n${smuggled}`,
  'a length over 64 bits': `Content-Length: 18446744073709551621\r\n\r\nhello${smuggled}`,
  'a length of many digits': `Content-Length: ${'9'.repeat(400)}\r\n\r\nhello${smuggled}`,
  'a bare CR in a header': `X: y\rContent-Length: 5\r\n\r\n${smuggled}`,
  'a bare CR at the end of a line': `Content-Length: 5\rX: y\r\n\r\nhello${smuggled}`,
  'a CR and another': `X: y\r\r\nContent-Length: 5\r\n\r\nhello${smuggled}`,
  'an end of bare CRs': `X: y\r\r${smuggled}`,
  'a chunk of length -1': `Transfer-Encoding: chunked\r\n\r\n-1\r\n${smuggled}`,
  'a chunk of length 0x5': `Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n${smuggled}`,
  'a chunk of length +5': `Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n${smuggled}`,
  'a chunk over 64 bits': `Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n${smuggled}`,
  'a chunk without a length': `Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n${smuggled}`,
  'a chunk longer than it says': `Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n${smuggled}`,
  'a chunk ended by LF': `Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n${smuggled}`,
  'a chunk length ended by LF': `Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n${smuggled}`,
  'a chunk length ended by CR': `Transfer-Encoding: chunked\r\n\r\n5\rhello\r\n0\r\n\r\n${smuggled}`,
  'a chunk extension with LF': `Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n${smuggled}`,
  'a chunk extension with NUL': `Transfer-Encoding: chunked\r\n\r\n5;\0\r\nhello\r\n0\r\n\r\n${smuggled}`,
  'a space behind a chunk length': `Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n${smuggled}`,
  'a length among the trailers': `Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 99\r\n\r\n${smuggled}`,
  'chunks, for HTTP/1.0': `X: y\r\n\r\n${smuggled}`,
  'chunked behind gzip': `Transfer-Encoding: gzip, chunked\r\n\r\n${chunked('hello')}${smuggled}`,
  'chunked in capitals': `Transfer-Encoding: CHUNKED\r\n\r\n${chunked('hello')}${smuggled}`,
  'a body longer than its length': `Content-Length: 5\r\n\r\nhello${smuggled}`,
}

describe('whatever the framing, WeChat gets no request that was not judged:', () => {
  test.for(
    Object.entries(ambiguous).flatMap(([name, rest]) => [['POST', name, rest] as const, ['GET', name, rest] as const]),
  )('%s with %s', async ([method, , rest], { scene }) => {
    answerAll(scene)
    const text = await scene.send(head(method, path) + rest + last('/cgi-bin/message/last'), (all) => {
      // Who waits for the rest of a body that does not come would wait until the hub's patience ends.
      return answersIn(all).length > 0 && !/connection: close/i.test(all.slice(all.lastIndexOf('HTTP/1.1 ')))
        ? answersIn(all).some(({ body }) => body.includes('/last'))
        : false
    })
    const arrived = arrivedWhole(scene)
    expect(arrived.length).toBeLessThanOrEqual(2)
    expect(arrived.every(({ body }) => ['', 'hello'].includes(body) || body.includes(smuggled))).toBe(true)
    // One answer for each request that the hub took, in order; a refused framing ends the connection.
    const answers = answersIn(text)
    const told = answers.flatMap(({ body }) => (body.startsWith('{"target"') ? [JSON.parse(body).target] : []))
    expect([...told].sort()).toEqual(pathsOf(arrived).sort())
    expect([path, '/cgi-bin/message/last'].filter((each) => told.includes(each))).toEqual(told)
    expect(answers.length).toBeLessThanOrEqual(3)
  })
})

describe('a framing with one meaning', () => {
  const bodies: Readonly<Record<string, readonly [string, string]>> = {
    'a length': [`Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`, smuggled],
    chunks: [`Transfer-Encoding: chunked\r\n\r\n${chunked(smuggled)}`, smuggled],
    'chunks with extensions': [`Transfer-Encoding: chunked\r\n\r\n5;a=b;c="d"\r\nhello\r\n0;x\r\n\r\n`, 'hello'],
    'chunks with trailers': [`Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nCookie: a\r\n\r\n`, 'hello'],
    'a length with zeros before': ['Content-Length: 0005\r\n\r\nhello', 'hello'],
    'the length 0': ['Content-Length: 0\r\n\r\n', ''],
    'no chunk': ['Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', ''],
    'a long body': [`Content-Length: 200000\r\n\r\n${smuggled.padEnd(200_000)}`, smuggled.padEnd(200_000)],
    'long chunks': [`Transfer-Encoding: chunked\r\n\r\n${chunked(smuggled.padEnd(200_000))}`, smuggled.padEnd(200_000)],
  }
  test.for(
    ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].flatMap((method) =>
      Object.entries(bodies).map(([name, [rest, body]]) => [method, name, rest, body] as const),
    ),
  )('keeps a request in a body what it is: %s with %s', async ([method, , rest, body], { scene }) => {
    answerAll(scene)
    const text = await scene.send(head(method, path) + rest + last('/cgi-bin/message/last'))
    // Which of the two gets there first is open: Node reads on while a call is under way.
    const arrived = arrivedWhole(scene).map((each) => [each.target, each.method, each.body])
    expect(arrived.sort()).toEqual([
      [`/cgi-bin/message/last?access_token=${real}`, 'GET', ''],
      // The body of a GET has no meaning, and goes no further.
      [`${path}?access_token=${real}`, method, method === 'GET' ? '' : body],
    ])
    expect(answersIn(text).map((answer) => JSON.parse(answer.body).target)).toEqual([path, '/cgi-bin/message/last'])
  })

  test.for(['/cgi-bin/clear_quota', '/cgi-bin/message/../x', '/cgi-bin/token', '/nowhere', '//cgi-bin/message/x'])(
    'leaves the body of a refused call of %s unparsed',
    async (target, { scene }) => {
      answerAll(scene)
      for (const [rest] of Object.values(bodies)) {
        const text = await scene.send(head('POST', target) + rest + last('/cgi-bin/message/last'))
        const answers = answersIn(text)
        const arrived = arrivedWhole(scene).map((each) => each.target)
        const told = answers.at(-1)?.body.includes('/last')
        expect(arrived).toEqual(told ? [`/cgi-bin/message/last?access_token=${real}`] : [])
        expect(answers.length).toBe(told ? 2 : 1)
      }
    },
  )
})

describe('a body that breaks off', () => {
  const begun: Readonly<Record<string, string>> = {
    'before its length': 'Content-Length: 100\r\n\r\nhello',
    'before its great length': `Content-Length: 500000\r\n\r\n${smuggled.padEnd(200_000)}`,
    'with nothing of it sent': 'Content-Length: 100\r\n\r\n',
    'in a chunk': 'Transfer-Encoding: chunked\r\n\r\n10\r\nhello',
    'between chunks': `Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    'before the end of the last chunk': `Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n`,
  }
  test.for(Object.entries(begun))(
    '%s never makes a whole request, nor does what another sends then',
    async ([, rest], { scene }) => {
      answerAll(scene)
      for (const method of ['POST', 'PUT', 'DELETE']) await scene.sendAndGo(head(method, path) + rest)
      for (const at of [1, 2, 3]) await scene.send(last(`/cgi-bin/message/${at}`))
      expect(pathsOf(scene.arrived()).sort()).toEqual([
        '/cgi-bin/message/1',
        '/cgi-bin/message/2',
        '/cgi-bin/message/3',
      ])
    },
  )
})

describe('pipelined requests', () => {
  test('are judged each on its own, and answered in order', async ({ scene }) => {
    answerAll(scene)
    const targets = Array.from({ length: 30 }, (_, at) => {
      return at % 3 === 0 ? '/cgi-bin/clear_quota' : at % 3 === 1 ? `/cgi-bin/message/${at}` : `/cgi-bin/menu/${at}`
    })
    const requests = targets.map((target, at) => {
      return at % 2 === 0 ? `${head('GET', target)}\r\n` : `${head('POST', target)}Content-Length: 2\r\n\r\n{}`
    })
    const text = await scene.send(requests.join('') + last('/cgi-bin/message/last'))
    const allowed = [...targets.filter((target) => target.startsWith('/cgi-bin/message/')), '/cgi-bin/message/last']
    expect(pathsOf(arrivedWhole(scene)).sort()).toEqual([...allowed].sort())
    expect(answersIn(text).map(({ body }) => JSON.parse(body).target ?? JSON.parse(body).errcode)).toEqual(
      [...targets, '/cgi-bin/message/last'].map((target) => (allowed.includes(target) ? target : 48001)),
    )
  })

  test('get each its own answer, however long WeChat takes for the first', async ({ scene }) => {
    answerAll(scene)
    const many = Array.from({ length: 5 }, (_, at) => `/cgi-bin/message/${at}`)
    const texts = await Promise.all(
      many.map((target) =>
        scene.send(`${head('GET', target)}\r\n${head('GET', `${target}/b`)}\r\n${last(`${target}/c`)}`),
      ),
    )
    for (const [at, text] of texts.entries()) {
      const told = answersIn(text).map(({ body }) => JSON.parse(body).target)
      expect(told).toEqual(['', '/b', '/c'].map((end) => `${many[at]}${end}`))
    }
  })

  test('behind one that shows no key do not inherit that of the one before', async ({ scene }) => {
    const bare = `GET ${path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n`
    const text = await scene.send(`${head('GET', path)}\r\n${bare}`)
    expect(arrivedWhole(scene)).toHaveLength(1)
    expect(JSON.parse(answersIn(text)[1]?.body ?? '')).toMatchObject({ errcode: 41001 })
  })
})

describe('a first line', () => {
  const lines: Readonly<Record<string, string>> = {
    'of HTTP/1.0': `GET ${path} HTTP/1.0`,
    'of HTTP/0.9': `GET ${path}`,
    'of HTTP/2.0': `GET ${path} HTTP/2.0`,
    'of HTTP/1.2': `GET ${path} HTTP/1.2`,
    'of http/1.1': `GET ${path} http/1.1`,
    'with two spaces': `GET  ${path}  HTTP/1.1`,
    'with tabs': `GET\t${path}\tHTTP/1.1`,
    'with a space at its end': `GET ${path} HTTP/1.1 `,
    'ended by LF': `GET ${path} HTTP/1.1\nX: y`,
    'ended by LF, without a version': `GET ${path}\nHost: EVIL HTTP/1.1`,
    'ended by CR': `GET ${path} HTTP/1.1\rX: y`,
    'behind an empty one': `\r\n\r\nGET ${path} HTTP/1.1`,
    'with two paths': `GET ${path} /cgi-bin/clear_quota HTTP/1.1`,
    'with two versions': `GET ${path} HTTP/1.1 HTTP/1.1`,
    'without a method': `${path} HTTP/1.1`,
    'without a path': 'GET HTTP/1.1',
    'with a NUL': `GET\0 ${path} HTTP/1.1`,
    'that another one follows': `GET ${path} HTTP/1.1\r\nGET /cgi-bin/clear_quota HTTP/1.1`,
    'of TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  }
  test.for(Object.entries(lines))('%s brings WeChat its own path or nothing', async ([, line], { scene }) => {
    answerAll(scene)
    await scene.send(
      `${line}\r\nHost: hub\r\n${bearer(client)}\r\nConnection: close\r\n\r\n${last('/cgi-bin/message/last')}`,
      (text) => answersIn(text).length > 1,
    )
    const targets = arrivedWhole(scene).map(({ target }) => target)
    expect([`${path}?access_token=${real}`, undefined]).toContain(targets[0])
    expect(targets.length).toBeLessThanOrEqual(1)
  })
})
