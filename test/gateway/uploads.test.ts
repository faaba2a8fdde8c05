import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Holding } from '../../src/gateway/holding.js'
import { Upload } from '../../src/gateway/upload.js'
import { type Asking, ask, GatewayScene } from '../support/gateway-scene.js'
import { turn } from '../support/movable-clock.js'
import { hubKey, RunningHub, shop } from '../support/running-hub.js'
import { json, type ReadBody, readAll, refusal } from '../support/stand-in.js'
import { until } from '../support/until.js'

const MiB = 1024 * 1024
const limit = 64 * MiB
const path = '/cgi-bin/media/upload'
const file = randomBytes(10_000_000)
const boundary = 'boundary-of-the-tests'
const head = `--${boundary}\r\ncontent-disposition: form-data; name="media"; filename="a.jpg"\r\ncontent-type: image/jpeg\r\n\r\n`
const form = Buffer.concat([Buffer.from(head), file, Buffer.from(`\r\n--${boundary}--\r\n`)])

const kinds = {
  multipart: { bytes: form, type: `multipart/form-data; boundary=${boundary}` },
  raw: { bytes: file, type: 'image/jpeg' },
}
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

let scene: GatewayScene
let received: ReadBody[]
/** The most bytes that were held at once. */
let most: number
let holding: Holding | undefined

beforeEach(async () => {
  scene = await GatewayScene.start()
  received = []
  most = 0
  const { take } = Holding.prototype
  vi.spyOn(Holding.prototype, 'take').mockImplementation(function (this: Holding, bytes) {
    const taken = take.call(this, bytes)
    most = Math.max(most, this.held)
    holding = this
    return taken
  })
})

afterEach(async () => {
  await scene.close()
  expect(holding?.held ?? 0).toBe(0)
  expect(scene.errors).toEqual([])
  vi.restoreAllMocks()
})

/** Pieces of 64 KiB, as fast as they are taken, or with a pause before each one. */
async function* pieces(bytes: Buffer, pause: () => Promise<void> = async () => undefined): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) {
    await pause()
    yield bytes.subarray(at, at + 65_536)
  }
}

async function manyTurns(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await turn()
}

function asking(bytes: Buffer, type: string, framing: string, pause?: () => Promise<void>): Asking {
  const headers = framing === 'chunked' ? {} : { 'content-length': String(bytes.length) }
  return { headers: { 'content-type': type, ...headers }, body: pieces(bytes, pause) }
}

/** Takes uploads; those with a dead token are refused in this way. */
function receive(refuse: (response: ServerResponse) => void, early = false): void {
  scene.wechat.answer = async (request, response) => {
    const dead = scene.wechat.isDead(new URL(request.url ?? '', 'http://a').searchParams.get('access_token') ?? '')
    if (dead && early) return refuse(response)
    const body = await readAll(request).catch(() => undefined)
    if (dead) return refuse(response)
    if (body !== undefined && request.url?.startsWith(path)) received.push(body)
    json(response, { media_id: 'm', length: request.headers['content-length'] })
  }
}

const keep = (response: ServerResponse) => json(response, refusal())

const close = (response: ServerResponse) => keep(response.setHeader('connection', 'close'))

/** As nginx does: the rest of the request is read, so that the answer is not lost. */
function linger({ req, socket }: ServerResponse): void {
  const body = JSON.stringify(refusal())
  const lines = ['HTTP/1.1 200 OK', 'connection: close', 'content-type: application/json']
  socket?.write(`${lines.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  req.resume().once('close', () => socket?.destroy())
}

const framings = ['content-length', 'chunked'] as const
const all = Object.entries(kinds).flatMap(([kind, { bytes, type }]) =>
  framings.map((framing) => ({ kind, bytes, type, framing })),
)

describe.each(all)('a 10 MB upload ($kind, $framing)', ({ bytes, type, framing }) => {
  const whole = { bytes: bytes.length, sha256: sha256(bytes) }

  it('arrives as it was sent', async () => {
    receive(() => undefined)
    const answer = await scene.ask(path, asking(bytes, type, framing))
    expect(answer.json).toEqual({ media_id: 'm', ...(framing === 'chunked' ? {} : { length: String(bytes.length) }) })
    expect(received).toEqual([whole])
    expect(scene.wechat.callsOf(path)[0]?.headers['content-type']).toBe(type)
  })

  it.each([40001, 40014, 42001])('arrives with the next token after %d for the whole body', async (errcode) => {
    receive((response) => json(response, refusal(errcode)))
    await scene.ask('/cgi-bin/a')
    scene.wechat.tokenDead = true
    expect((await scene.ask(path, asking(bytes, type, framing))).json).toMatchObject({ media_id: 'm' })
    expect(received).toEqual([whole])
    expect(scene.wechat.callsOf(path).map(({ token }) => token)).toEqual(['token-1', 'token-2'])
  })

  it.each([
    ['keeps the connection', keep, undefined],
    ['keeps the connection, to a slow sender', keep, manyTurns],
    ['closes it when the sender has heard it', linger, undefined],
    ['closes it when the sender has heard it, to a slow sender', linger, manyTurns],
    ['closes it at once, to a slow sender', close, manyTurns],
  ])('arrives after a refusal before it was read, by a WeChat that %s', async (_how, refuse, pause) => {
    receive(refuse, true)
    await scene.ask('/cgi-bin/a')
    scene.wechat.tokenDead = true
    expect((await scene.ask(path, asking(bytes, type, framing, pause))).json).toMatchObject({ media_id: 'm' })
    expect(received).toEqual([whole])
  })

  it('arrives, or WeChat counts as unreachable, if it refuses unread and closes before that is heard', async () => {
    receive(close, true)
    await scene.ask('/cgi-bin/a')
    scene.wechat.tokenDead = true
    const { json: said } = await scene.ask(path, asking(bytes, type, framing))
    // The kernel may throw the answer away with the connection.
    expect([undefined, -1]).toContain(said.errcode)
    expect(received).toEqual(said.errcode === -1 ? [] : [whole])
  })
})

it('the sandbox gets the file of a form, and gives it back', async () => {
  const running = await RunningHub.start()
  const url = (name: string, more: string) => `${running.url}/cgi-bin/media/${name}?appid=${shop.appID}&${more}`
  const { type } = kinds.multipart
  const { json: uploaded } = await ask(url('upload', 'type=image'), asking(form, type, 'chunked'))
  const back = await ask(url('get', `media_id=${uploaded['media_id']}`))
  expect(back.headers).toMatchObject({ 'content-type': 'image/jpeg', 'content-length': String(file.length) })
  expect(sha256(back.body)).toBe(sha256(file))
  await running.close()
})

describe('an upload that is too long to be held', () => {
  const long = Buffer.alloc(16 * MiB + 1, file)

  it.each(framings)(
    'streams, and gets the refusal as it is; the next call has the next token (%s)',
    async (framing) => {
      receive((response) => json(response, refusal(40001)))
      await scene.ask('/cgi-bin/a')
      scene.wechat.tokenDead = true
      const answer = await scene.ask(path, asking(long, 'video/mp4', framing))
      expect(answer.json).toEqual(refusal(40001))
      expect([scene.wechat.callsOf(path).length, scene.wechat.fetches]).toEqual([1, 2])
      await scene.ask('/cgi-bin/a')
      expect(scene.wechat.calls.at(-1)?.token).toBe('token-2')
      expect(holding?.held).toBe(0)
    },
  )

  it('but one of just that length is sent twice', async () => {
    receive((response) => json(response, refusal(40001)))
    await scene.ask('/cgi-bin/a')
    scene.wechat.tokenDead = true
    const longest = long.subarray(1)
    await scene.ask(path, asking(longest, 'video/mp4', 'chunked'))
    expect(received).toEqual([{ bytes: 16 * MiB, sha256: sha256(longest) }])
  })
})

describe('many uploads at once', () => {
  const body = Buffer.alloc(15 * MiB, file)
  const whole = { bytes: body.length, sha256: sha256(body) }

  it('all arrive, and no more is held than may be', async () => {
    receive(() => undefined)
    const asked = Array.from({ length: 10 }, () => scene.ask(path, asking(body, 'video/mp4', 'chunked')))
    for (const answer of await Promise.all(asked)) expect(answer.json).toMatchObject({ media_id: 'm' })
    expect(received).toEqual(Array.from({ length: 10 }, () => whole))
    expect(most).toBeGreaterThan(limit - 2 * MiB)
    expect(most).toBeLessThanOrEqual(limit)
    expect(holding?.held).toBe(0)
  })

  it('that meet a dead token arrive whole, or are refused as WeChat refused them', async () => {
    receive((response) => json(response, refusal(40001)), true)
    await scene.ask('/cgi-bin/a')
    scene.wechat.tokenDead = true
    const asked = Array.from({ length: 10 }, () => scene.ask(path, asking(body, 'video/mp4', 'chunked')))
    const answers = await Promise.all(asked)
    const refused = answers.filter(({ json: said }) => said.errcode === 40001)
    expect(received).toEqual(Array.from({ length: 10 - refused.length }, () => whole))
    expect(received.length).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(limit)
    expect(holding?.held).toBe(0)
  })
})

it('of an upload that ceases to be held while its second reader lags behind nothing is lost', async () => {
  const small = new Holding(3 * MiB)
  const body = file.subarray(0, 4 * MiB)
  const server = createServer((request, response) => {
    void (async () => {
      const upload = new Upload(request, small)
      const first = upload.read()
      for (let read = 0; read < 2 * MiB; ) read += (await first.next()).value?.length ?? 0
      const others = 3 * MiB - small.held
      small.take(others)
      const abandoned = first.next()
      const second = upload.read()
      const [head] = await Promise.all([second.next(), abandoned])
      // By now an earlier reader may have taken what the second one has yet to read.
      const rest = await readAll(second)
      json(response, { bytes: rest.bytes + (head.value?.length ?? 0), repeatable: upload.repeatable })
      upload.release()
      small.release(others)
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const { json: said } = await ask(`http://127.0.0.1:${port}/`, asking(body, 'a/b', 'chunked'))
  expect([said, small.held]).toEqual([{ bytes: body.length, repeatable: false }, 0])
  server.close()
})

it('a client that reads no answer before it has sent all gets one that came early', async () => {
  scene.wechat.answer = (_request, response) => json(response, { errcode: 45009, errmsg: 'reach max api daily quota' })
  const socket = connect(Number(new URL(scene.running.url).port), '127.0.0.1')
  const lines = [
    `POST ${path}?appid=${shop.appID} HTTP/1.1`,
    'host: hub',
    `authorization: Bearer ${hubKey}`,
    `content-length: ${30 * MiB}`,
  ]
  socket.pause().write(`${lines.join('\r\n')}\r\n\r\n`)
  for (let sent = 0; sent < 30; sent += 1) {
    if (!socket.write(Buffer.alloc(MiB))) await once(socket, 'drain')
    if (sent === 0) await until(() => scene.wechat.callsOf(path).length === 1)
  }
  socket.end()
  expect(await text(socket)).toContain('"errcode":45009')
})
