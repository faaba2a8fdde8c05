import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import Koa from 'koa'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GatewayOutcome } from '../../src/gateway/forwarder.js'
import { Gateway } from '../../src/gateway/gateway.js'
import { type Listening, listen } from '../../src/http/server.js'
import { ask, begin, GatewayScene } from '../support/gateway-scene.js'
import { turn } from '../support/movable-clock.js'
import { readAll } from '../support/stand-in.js'
import { until } from '../support/until.js'

const MiB = 1024 * 1024
const path = '/cgi-bin/media/get'
const file = randomBytes(3 * MiB)
/** More than the buffers of the kernel take. */
const big = Buffer.alloc(30 * MiB)
const sha256 = createHash('sha256').update(file).digest('hex')

let scene: GatewayScene

beforeEach(async () => {
  scene = await GatewayScene.start()
})

afterEach(async () => {
  await scene.close()
  expect(scene.errors).toEqual([])
})

/** Takes each piece some time after it came. */
async function* slowly(response: IncomingMessage, ms: number): AsyncGenerator<Buffer> {
  for await (const piece of response) {
    yield piece
    await new Promise((resolve) => setTimeout(resolve, ms))
  }
}

/** How an answer's end is told. */
const framings: Record<string, (response: ServerResponse) => void> = {
  'by its length': (response) => response.setHeader('content-length', file.length),
  'by chunks': () => undefined,
  'by its length, and the connection ends': (response) => {
    response.setHeader('connection', 'close').setHeader('content-length', file.length)
  },
  'by chunks, and the connection ends': (response) => response.setHeader('connection', 'close'),
  'by the end of the connection': (response) => {
    response.setHeader('connection', 'close').removeHeader('transfer-encoding')
  },
}

const send = (frame: (response: ServerResponse) => void, bytes: Buffer): RequestListener => {
  return (_request, response) => {
    response.setHeader('content-type', 'image/jpeg')
    frame(response)
    response.end(bytes)
  }
}

describe.each(Object.entries(framings))('a download whose end is told %s', (_how, frame) => {
  it('arrives as it was sent', async () => {
    scene.wechat.answer = send(frame, file)
    expect(await readAll(await scene.begin(path))).toEqual({ bytes: file.length, sha256 })
  })

  it.each([0, 1])('arrives at readers that need %d ms for each piece, be it short or long', async (ms) => {
    const lengths = [10_000, 65_536, 1_000_001, 12_000_000, 20_000_000]
    const readers = lengths.map(async (length) => {
      const response = await scene.begin(`${path}/${length}`)
      expect((await readAll(slowly(response, ms))).bytes).toBe(length)
    })
    scene.wechat.answer = (request, response) => {
      const length = Number(new URL(request.url ?? '', 'http://a').pathname.split('/').at(-1))
      response.setHeader('content-type', 'image/jpeg')
      frame(response)
      if (response.hasHeader('content-length')) response.setHeader('content-length', length)
      response.end(big.subarray(0, length))
    }
    await Promise.all(readers)
    expect((await scene.outcomes())['forwarded']).toBe(lengths.length)
  })

  it('arrives at readers that begin when WeChat has done with it', async () => {
    const lengths = Array.from({ length: 24 }, (_, index) => (index + 1) * 400_000)
    scene.wechat.answer = (request, response) => {
      const length = Number(new URL(request.url ?? '', 'http://a').pathname.split('/').at(-1))
      response.setHeader('content-type', 'image/jpeg')
      frame(response)
      if (response.hasHeader('content-length')) response.setHeader('content-length', length)
      response.end(big.subarray(0, length))
    }
    const responses = await Promise.all(lengths.map((length) => scene.begin(`${path}/${length}`)))
    for (const response of responses) response.pause()
    for (let turns = 0; turns < 5_000; turns += 1) await turn()
    const read = await Promise.all(responses.map((response) => readAll(slowly(response, 1))))
    expect(read.map(({ bytes }) => bytes)).toEqual(lengths)
  })

  it('is broken to a slow reader too when WeChat resets it', async () => {
    let sending: ServerResponse | undefined
    scene.wechat.answer = (_request, response) => {
      response.setHeader('content-type', 'image/jpeg')
      frame(response)
      response.write(file.subarray(0, 2 * MiB))
      sending = response
    }
    const response = await scene.begin(path)
    const reading = readAll(slowly(response, 2))
    await once(response, 'data')
    sending?.socket?.resetAndDestroy()
    await expect(reading).rejects.toThrow(/aborted|ECONNRESET/)
    await until(async () => (await scene.outcomes())['broken-off'] === 1)
    expect((await scene.ask('/healthz')).status).toBe(200)
  })

  it.each([100, 20_000])('is broken when WeChat resets it with its last %d bytes', async (bytes) => {
    scene.wechat.answer = (_request, response) => {
      response.setHeader('content-type', 'image/jpeg')
      frame(response)
      response.write(file.subarray(0, bytes), () => response.socket?.resetAndDestroy())
    }
    await expect(scene.begin(path).then(readAll)).rejects.toThrow(/aborted|ECONNRESET/)
    await until(async () => (await scene.outcomes())['broken-off'] === 1)
  })
})

it('a short text that ends with its connection is no answer when WeChat resets that', async () => {
  scene.wechat.answer = (_request, response) => {
    response.setHeader('content-type', 'application/json').setHeader('connection', 'close')
    response.removeHeader('transfer-encoding')
    response.write('{"errcode":0', () => response.socket?.resetAndDestroy())
  }
  expect(JSON.parse((await scene.ask(path)).body.toString())).toMatchObject({ errcode: -1 })
  expect((await scene.outcomes())['unreachable']).toBe(1)
})

it('WeChat sends no faster than the caller reads', async () => {
  let written = 0
  let blocked = false
  scene.wechat.answer = (_request, response) => {
    response.setHeader('content-type', 'image/jpeg')
    const write = () => {
      while (written < 400 * MiB && response.write(file)) written += file.length
      blocked = true
    }
    response.on('drain', write)
    write()
  }
  const response = await scene.begin(path)
  response.pause()
  await until(() => blocked)
  let before = -1
  for (let quiet = 0; quiet < 2_000; quiet = before === written ? quiet + 1 : 0) {
    before = written
    await turn()
  }
  // What the buffers of the kernel take.
  expect(written).toBeLessThan(100 * MiB)
  response.destroy()
})

describe('whoever says or takes nothing', () => {
  let gateway: Gateway
  let server: Listening
  let url: string
  let outcomes: GatewayOutcome[]

  const start = async (times: { patience?: number; callerPatience?: number }) => {
    const account = scene.running.hub.accounts.find('shop')
    if (account === undefined) throw new Error('there is no account')
    outcomes = []
    gateway = new Gateway({
      apiDomain: scene.wechat.apiDomain,
      emulated: new Set(),
      ...times,
      refuse: async (_ctx, refusal) => refusal,
      admit: async () => ({ account, holdsToken: false }),
      observe: ({ outcome }) => outcomes.push(outcome),
    })
    const app = new Koa()
    app.use((ctx, next) => {
      ctx.state['requestId'] = 'a'
      return next()
    })
    app.use(gateway.middleware)
    server = await listen(app.callback(), { port: 0, host: '127.0.0.1' })
    url = `http://127.0.0.1:${server.port}${path}`
  }

  afterEach(async () => {
    await server.drain()
    await gateway.close()
  })

  it('counts as unreachable, as WeChat does, when the patience ends', async () => {
    await start({ patience: 200 })
    scene.wechat.answer = () => undefined
    for (const asking of [{}, { method: 'HEAD' }, { body: Buffer.from('{}') }, { body: file }]) {
      const { status, body } = await ask(url, asking)
      expect(status).toBe(200)
      if (asking.method !== 'HEAD') expect(body.toString()).toContain('UND_ERR_HEADERS_TIMEOUT')
    }
    expect(outcomes).toEqual(Array.from({ length: 4 }, () => 'unreachable'))
    expect(scene.wechat.calls).toHaveLength(4)
  })

  it('in the middle of an answer of its own has broken it off', async () => {
    await start({ patience: 200 })
    scene.wechat.answer = (_request, response) => response.writeHead(200, { 'content-type': 'a/b' }).write('half')
    await expect(ask(url)).rejects.toThrow(/aborted|ECONNRESET/)
    expect(outcomes).toEqual(['broken-off'])
  })

  it('is given up, as a caller that reads nothing, and holds no connection any more', async () => {
    await start({ callerPatience: 200 })
    scene.wechat.answer = (_request, response) => response.writeHead(200, { 'content-type': 'a/b' }).end(big)
    const response = await begin(url)
    response.pause()
    await until(() => outcomes.length > 0)
    expect(outcomes).toEqual(['aborted'])
    await expect(readAll(response)).rejects.toThrow(/aborted|ECONNRESET/)
    await until(() => scene.wechat.sockets.size <= 1)
  })

  it('is not what a caller is that reads slowly', async () => {
    await start({ patience: 200 })
    scene.wechat.answer = (_request, response) => response.writeHead(200, { 'content-type': 'a/b' }).end(big)
    const response = await begin(url)
    scene.wechat.answer = () => undefined
    for (let patience = 0; patience < 2; patience += 1) await ask(url)
    expect((await readAll(response)).bytes).toBe(big.length)
    expect(outcomes).toEqual(['unreachable', 'unreachable', 'forwarded'])
  })
})
