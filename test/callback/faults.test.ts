import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { BackEnd } from '../../src/callback/back-end.js'
import type { BackEndFault, FaultKind } from '../../src/callback/back-end-fault.js'
import { BackEnds } from '../../src/callback/back-ends.js'
import { readMessageText } from '../../src/wechat/push.js'
import { writeXml } from '../../src/wechat/xml.js'
import { type Answering, BackEndServer, json } from '../support/back-end.js'
import { MovableClock } from '../support/movable-clock.js'
import { until } from '../support/until.js'
import { jsonRoute, manyTurns, type Scene, secret, silent, test, token, xmlRoute } from './with-hub.js'

const userText = 'what-only-the-user-may-know'
const query = 'key=a-secret-in-the-query'

const raw = (body: string | Buffer, type: string, status = 200): Answering => {
  return (_asked, response) => {
    response.writeHead(status, { 'content-type': type }).end(body)
    return undefined
  }
}
const with_ = (work: (response: ServerResponse) => unknown): Answering => {
  return (_asked, response) => {
    work(response)
    return undefined
  }
}
const encrypted = '<xml><Encrypt><![CDATA[abc]]></Encrypt><MsgSignature>s</MsgSignature></xml>'

type Case = readonly [name: string, format: 'json' | 'xml', answer: Answering, fault: FaultKind]

const atOnce: readonly Case[] = [
  ['resets the connection', 'json', with_(({ socket }) => socket?.resetAndDestroy()), 'reset'],
  ['closes the connection', 'json', with_(({ socket }) => socket?.destroy()), 'reset'],
  [
    'breaks off in the middle of its answer',
    'json',
    with_((response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '100' })
      response.write('half', () => response.socket?.destroy())
    }),
    'reset',
  ],
  ['answers 5 MB', 'json', raw('x'.repeat(5_000_000), 'text/plain'), 'too-long'],
  [
    'answers 5 MB of XML',
    'xml',
    raw(`<xml><MsgType>text</MsgType>${'x'.repeat(5_000_000)}</xml>`, 'text/xml'),
    'too-long',
  ],
  ['answers bytes', 'json', raw(Buffer.from([0, 159, 146, 150, 255]), 'application/octet-stream'), 'rubbish'],
  ['answers bytes and calls them a text', 'json', raw(Buffer.from([104, 105, 0, 159, 255]), 'text/plain'), 'rubbish'],
  ['answers bytes', 'xml', raw(Buffer.from([0, 159, 146, 150, 255]), 'text/xml'), 'rubbish'],
  ['answers an HTML page', 'json', raw('<html><body>Hello</body></html>', 'text/html; charset=utf-8'), 'rubbish'],
  ['answers an HTML page and calls it a text', 'json', raw('\n<!DOCTYPE html><p>Hello', 'text/plain'), 'rubbish'],
  ['answers an HTML page', 'xml', raw('<html><body>Hello</body></html>', 'text/html'), 'rubbish'],
  ['answers XML', 'json', raw('<xml><MsgType>text</MsgType><Content>a</Content></xml>', 'text/xml'), 'rubbish'],
  ['answers broken JSON', 'json', raw('{"MsgType":"text","Content":', 'application/json'), 'rubbish'],
  ['answers a number', 'json', raw('42', 'application/json'), 'rubbish'],
  ['answers a list', 'json', json([{ MsgType: 'text', Content: 'a' }]), 'rubbish'],
  ['answers a wrong MsgType', 'json', json({ MsgType: 'txt', Content: 'a' }), 'rubbish'],
  ['answers no MsgType', 'json', json({ Content: 'a' }), 'rubbish'],
  ['answers an image without a MediaId', 'json', json({ MsgType: 'image', Image: {} }), 'rubbish'],
  ['answers XML without a MsgType', 'xml', raw('<xml><Content>a</Content></xml>', 'text/xml'), 'rubbish'],
  ['answers broken XML', 'xml', raw('<xml><MsgType>text</MsgType>', 'text/xml'), 'rubbish'],
  ['answers JSON', 'xml', json({ MsgType: 'text', Content: 'a' }), 'rubbish'],
  ['answers encrypted XML', 'xml', raw(encrypted, 'text/xml'), 'rubbish'],
  ['answers something that is no HTTP', 'json', with_(({ socket }) => socket?.end('hello\r\n\r\n')), 'rubbish'],
  [
    'switches to another protocol',
    'json',
    with_(({ socket }) => socket?.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')),
    'rubbish',
  ],
  ['answers 404', 'json', raw('hi', 'text/plain', 404), 'status'],
  ['answers 500', 'json', raw('hi', 'text/plain', 500), 'status'],
  ['answers 500 with 5 MB', 'xml', raw('x'.repeat(5_000_000), 'text/plain', 500), 'status'],
]

const never: readonly Case[] = [
  ['hangs', 'json', with_(() => undefined), 'timeout'],
  ['hangs', 'xml', with_(() => undefined), 'timeout'],
  ['sends headers and then nothing', 'json', with_((response) => response.writeHead(200).flushHeaders()), 'timeout'],
]

/** The labels of a fault in the metrics. */
const faultMetric = (to: string, fault: FaultKind) =>
  `wechat_hub_back_end_faults_total{account="shop",to="${to}",fault="${fault}"}`

async function startWith(scene: Scene, format: 'json' | 'xml', to: string): Promise<void> {
  const route = format === 'json' ? jsonRoute : xmlRoute
  await scene.start([route(`${to}?${query}`, { timeout: 60 })])
}

async function expectFault(scene: Scene, to: string, fault: FaultKind): Promise<void> {
  await until(async () => (await scene.metric(faultMetric(to, fault))) === 1)
  expect(scene.logged('push-fault')).toMatchObject([{ account: 'shop', to, fault, level: 'error' }])
  const log = scene.running.logLines.join('')
  for (const hidden of [userText, secret, token, query]) expect(log).not.toContain(hidden)
}

describe('a back end that', () => {
  test.for(atOnce)('%s (%s): WeChat gets success at once', async ([, format, answer, fault], { scene }) => {
    const bot = await scene.backEnd(answer)
    await startWith(scene, format, bot.url)
    const report = await scene.sandbox.push({ message: { Content: userText } })
    expect(report).toMatchObject({ result: 'silent', deliveries: [{ ms: 0, status: 200, body: 'success' }] })
    await expectFault(scene, bot.url, fault)
    expect(bot.asked).toHaveLength(1)
  })

  test.for(never)('%s (%s): WeChat gets success at 4.1 s', async ([, format, answer, fault], { scene }) => {
    const bot = await scene.backEnd(answer)
    await startWith(scene, format, bot.url)
    const push = scene.push({ message: { Content: userText } })
    await bot.askedTimes(1)
    await scene.clock.advance(4_100)
    expect(await push.report).toMatchObject({ result: 'silent', deliveries: [{ ms: 4_100, body: 'success' }] })
    await scene.clock.advance(55_899)
    await manyTurns()
    expect(scene.logged('push-fault')).toEqual([])
    await scene.clock.advance(1)
    await expectFault(scene, bot.url, fault)
    expect(await scene.allTold()).toEqual([])
  })

  test('sends its answer more slowly than its time allows: WeChat gets success when that is over', async ({
    scene,
  }) => {
    const bot = await scene.backEnd(
      with_(async (response) => {
        response.writeHead(200, { 'content-type': 'text/plain' })
        const write = () => {
          response.write('a')
          if (!response.destroyed) scene.clock.after(500, write)
        }
        write()
      }),
    )
    await scene.start([jsonRoute(bot.url, { timeout: 3 })])
    const push = scene.push()
    await bot.askedTimes(1)
    await scene.clock.advance(2_999, manyTurns)
    expect(await push.ended()).toBe(false)
    await scene.clock.advance(1)
    expect(await push.report).toMatchObject({ result: 'silent', deliveries: [{ ms: 3_000, body: 'success' }] })
    await expectFault(scene, bot.url, 'timeout')
  })

  test('redirects is not followed', async ({ scene }) => {
    const other = await scene.backEnd(() => 'from the other')
    for (const status of [301, 302, 307, 308]) {
      const bot = await scene.backEnd(with_((response) => response.writeHead(status, { location: other.url }).end()))
      await startWith(scene, 'json', bot.url)
      expect(await scene.sandbox.push()).toEqual(silent)
      await expectFault(scene, bot.url, 'status')
      await scene.stop()
    }
    expect(other.asked).toEqual([])
  })

  test('refuses connections: WeChat gets success at once', async ({ scene }) => {
    const url = await scene.down()
    await startWith(scene, 'json', url)
    const report = await scene.sandbox.push({ message: { Content: userText } })
    expect(report).toMatchObject({ result: 'silent', deliveries: [{ ms: 0, body: 'success' }] })
    await expectFault(scene, url, 'unreachable')
  })

  test('closes a kept connection is asked again on a new one, for nobody has read the request', async ({ scene }) => {
    const bot = await scene.backEnd(() => 'first')
    await scene.start([jsonRoute(bot.url)])
    expect((await scene.sandbox.push()).reply).toMatchObject({ Content: 'first' })
    let dropped = 0
    bot.answer = (_asked, { socket }) => {
      dropped += 1
      bot.answer = () => 'again'
      socket?.destroy()
      return undefined
    }
    expect((await scene.sandbox.push()).reply).toMatchObject({ Content: 'again' })
    expect(dropped).toBe(1)
    expect(scene.logged('push-fault')).toEqual([])
  })

  test('breaks off its answer on a kept connection is not asked again', async ({ scene }) => {
    const bot = await scene.backEnd(() => 'first')
    await scene.start([jsonRoute(bot.url)])
    expect((await scene.sandbox.push()).reply).toMatchObject({ Content: 'first' })
    bot.answer = with_((response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '100' })
      response.write('half', () => response.socket?.resetAndDestroy())
    })
    expect(await scene.sandbox.push()).toEqual(silent)
    await expectFault(scene, bot.url, 'reset')
    expect(bot.asked).toHaveLength(2)
  })

  test('hangs does not hold up the pushes of others', async ({ scene }) => {
    const [hanging, quick] = [await scene.backEnd(with_(() => undefined)), await scene.backEnd(() => 'quick')]
    await scene.start([jsonRoute(hanging.url, { match: { Content: 'hang' } }), jsonRoute(quick.url)])
    const stuck = Array.from({ length: 30 }, () => scene.push({ message: { Content: 'hang' } }))
    await hanging.askedTimes(30)
    expect((await scene.sandbox.push()).reply).toMatchObject({ Content: 'quick' })
    await scene.clock.advance(4_100)
    for (const { report } of stuck) expect(await report).toEqual(silent)
  })
})

it('a back end that a thousand answers are waited for is asked no more until one has come', async () => {
  const clock = new MovableClock()
  const server = await BackEndServer.start(() => undefined)
  const backEnds = new BackEnds(clock)
  const backEnd = new BackEnd({ settings: jsonRoute(server.url), account: 'shop', backEnds, clock })
  const read = readMessageText(writeXml({ ToUserName: 'g', FromUserName: 'o', CreateTime: 1, MsgType: 'text' }))
  if (read === undefined) throw new Error('the test’s message can not be read')
  const ask = () => backEnd.ask({ ...read, id: 'a' }).catch((error: BackEndFault) => error.kind)
  const waiting = Array.from({ length: 1_000 }, ask)
  expect(await ask()).toBe('busy')
  await server.askedTimes(1_000)
  await clock.advance(60_000)
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['timeout']))
  const last = ask()
  await server.askedTimes(1_001)
  backEnds.close()
  expect(await last).toBe('ended')
  await server.close()
})
