import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type ClientRequest, request as open } from 'node:http'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Holding } from '../../src/gateway/holding.js'
import { GatewayScene } from '../support/gateway-scene.js'
import { turn } from '../support/movable-clock.js'
import { hubKey } from '../support/running-hub.js'
import { newSeed, seeded } from '../support/seeded.js'
import { json } from '../support/stand-in.js'
import { until } from '../support/until.js'

const path = '/cgi-bin/media/upload'
const piece = randomBytes(100_000)
const each = 250

let scene: GatewayScene
let holding: Holding | undefined
const held = () => holding?.held ?? 0

beforeEach(async () => {
  scene = await GatewayScene.start()
  const { take } = Holding.prototype
  vi.spyOn(Holding.prototype, 'take').mockImplementation(function (this: Holding, bytes) {
    holding = this
    return take.call(this, bytes)
  })
})

afterEach(async () => {
  await scene.close()
  expect(scene.errors).toEqual([])
  vi.restoreAllMocks()
})

function call(method: string): ClientRequest {
  const asking = open(scene.url(path), { method, agent: false, headers: { authorization: `Bearer ${hubKey}` } })
  asking.on('error', () => undefined)
  return asking
}

/** Goes away by an orderly end of the connection, or by a reset. */
function leave(asking: ClientRequest, resets: boolean): void {
  if (resets) asking.socket?.resetAndDestroy()
  asking.destroy()
}

/** What callers do, and when they go away. */
const ways: Record<string, (random: () => number) => Promise<ClientRequest>> = {
  async 'before the answer'(random) {
    scene.wechat.answer = (request) => request.resume()
    const calls = scene.wechat.calls.length
    const asking = call(random() < 0.5 ? 'GET' : 'POST')
    asking.end(asking.method === 'GET' ? undefined : piece.subarray(0, 1 + random() * 1_000))
    await until(() => scene.wechat.calls.length > calls)
    return asking
  },

  async 'in the middle of an upload'(random) {
    scene.wechat.answer = (request) => request.resume()
    const calls = scene.wechat.calls.length
    const asking = call('POST')
    asking.write(piece)
    await until(() => scene.wechat.calls.length > calls)
    for (let sent = random() * 5; sent > 1; sent -= 1) asking.write(piece)
    return asking
  },

  async 'in the middle of a short upload'() {
    const asking = call('POST')
    asking.setHeader('content-length', 1_000)
    asking.write('half')
    await once(asking, 'socket')
    await turn()
    return asking
  },

  async 'in the middle of a download'(random) {
    scene.wechat.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'image/jpeg' })
      const write = () => {
        while (!response.destroyed && response.write(piece));
      }
      response.on('drain', write)
      write()
    }
    const asking = call('GET').end()
    const [response] = await once(asking, 'response')
    for (let read = random() * 5; read > 1; read -= 1) await once(response, 'data')
    response.pause()
    return asking
  },
}

const seed = newSeed()

it.each(Object.entries(ways))(
  `${each} callers that go away %s leave nothing behind (seed ${seed})`,
  async (_when, begin) => {
    const random = seeded(seed)
    await scene.ask('/cgi-bin/a')
    const before = scene.wechat.sockets.size
    for (let gone = 0; gone < each; gone += 10) {
      // One after another, so that each one knows which call is its own; ten stay under way.
      const begun: ClientRequest[] = []
      for (let more = 0; more < 10; more += 1) begun.push(await begin(random))
      for (const asking of begun) leave(asking, random() < 0.5)
    }
    await until(async () => (await scene.outcomes())['aborted'] === each)
    // undici makes a new connection in place of one that it cut, which ends when it is not needed for a second.
    await until(() => scene.wechat.sockets.size <= before)
    expect(held()).toBe(0)
    const logged = scene.running.logLines.filter((line) => line.includes(`"path":"${path}"`))
    expect(logged).toHaveLength(each)
    for (const line of logged) expect(line).toContain('"aborted":true')
    scene.wechat.answer = (_request, response) => json(response, { errcode: 0 })
    expect((await scene.ask(path)).json).toEqual({ errcode: 0 })
  },
)

it(`${each} callers that go away while there is no token are not sent on`, async () => {
  let give: (() => void) | undefined
  scene.wechat.answerToken = (response) => {
    give = () => json(response, { access_token: 'token-1', expires_in: 7200 })
  }
  const begun = Array.from({ length: each }, (_, index) => {
    const asking = call(index % 2 === 0 ? 'GET' : 'POST')
    return index % 2 === 0 ? asking.end() : asking.end(index % 4 === 1 ? piece : 'short')
  })
  await until(() => give !== undefined)
  await Promise.all(begun.map(async (asking) => asking.writableFinished || (await once(asking, 'finish'))))
  for (const asking of begun) leave(asking, true)
  const logged = () => scene.running.logLines.filter((line) => line.includes(`"path":"${path}"`))
  // Of the long bodies what is sent is not read meanwhile, nor is its end.
  const withoutLong = begun.filter((_asking, index) => index % 4 !== 1).length
  await until(() => logged().length >= withoutLong)
  give?.()
  await until(async () => (await scene.outcomes())['aborted'] === each)
  await until(() => logged().length === each && scene.wechat.sockets.size <= 1)
  expect(
    scene.wechat
      .callsOf(path)
      .filter(({ headers }) => !('transfer-encoding' in headers || Number(headers['content-length']) === piece.length)),
  ).toEqual([])
  expect(held()).toBe(0)
  for (const line of logged()) expect(line).toContain('"status":499')
})
