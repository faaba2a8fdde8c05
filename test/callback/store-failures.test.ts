import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CallbackEvent } from '../../src/callback/callback-event.js'
import { Inbox } from '../../src/callback/inbox.js'
import { logPushSparingly } from '../../src/callback/push-log.js'
import { Pushes } from '../../src/callback/pushes.js'
import type { RouteConfig } from '../../src/config/route-schema.js'
import { Sparingly } from '../../src/ops/sparingly.js'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { type ReadMessage, readMessageText } from '../../src/wechat/push.js'
import { Wechat } from '../../src/wechat/wechat.js'
import { writeXml } from '../../src/wechat/xml.js'
import { BackEndServer } from '../support/back-end.js'
import { BreakableStore } from '../support/breakable-store.js'
import { MovableClock } from '../support/movable-clock.js'
import { shop } from '../support/running-hub.js'
import { until } from '../support/until.js'
import { jsonRoute, manyTurns, observer } from './with-hub.js'

const { appID } = shop
const events: CallbackEvent[] = []
const lines: string[] = []
const log = (record: object, message?: string) => lines.push(`${JSON.stringify(record)} ${message}`)

let clock: MovableClock
let store: BreakableStore
let sandbox: Sandbox
let wechat: Wechat
let bot: BackEndServer
let audit: BackEndServer
let pushes: Pushes

beforeEach(async () => {
  clock = new MovableClock()
  store = await BreakableStore.open(clock)
  sandbox = new Sandbox({ accounts: [shop], now: () => clock.now() })
  wechat = new Wechat({ ...shop, apiDomain: await sandbox.listen(), clock })
  bot = await BackEndServer.start(() => 'a reply')
  audit = await BackEndServer.start()
  pushes = await pushesTo([jsonRoute(bot.url), observer(audit.url)])
  events.length = 0
  lines.length = 0
})

afterEach(async () => {
  await pushes.close()
  await Promise.all([wechat.close(), sandbox.close(), store.close(), bot.close(), audit.close()])
})

async function pushesTo(routes: readonly RouteConfig[]): Promise<Pushes> {
  const failures = new Sparingly(clock, 10)
  const made = new Pushes({
    accounts: [{ name: 'shop', wechat, routes }],
    ...{ store, clock, random: () => 0 },
    observe(account, event) {
      events.push(event)
      logPushSparingly({ debug: log, info: log, warn: log, error: log }, { account }, event, failures)
    },
  })
  await made.start()
  return made
}

const common = { ToUserName: 'gh_1', FromUserName: 'oUser', CreateTime: 1700000000, MsgType: 'text' }

function text(MsgId: string): ReadMessage {
  const read = readMessageText(writeXml({ ...common, Content: 'what the user wrote', MsgId }))
  if (read === undefined) throw new Error('the test’s message can not be read')
  return read
}

const answer = (id: string) => pushes.answer(appID, text(id), clock.monotonic())
const happened = (type: CallbackEvent['type']) => events.filter((event) => event.type === type)

describe('while the store fails', () => {
  beforeEach(() => {
    store.broken = true
  })

  it('a push is answered, its retries get the same reply, and each observer is told once', async () => {
    expect(await answer('1')).toContain('a reply')
    expect(await answer('1')).toContain('a reply')
    await audit.askedTimes(1)
    await until(() => happened('sent').length === 1)
    expect(bot.asked).toHaveLength(1)
    expect(audit.asked).toHaveLength(1)
    expect(happened('store-failed')).toMatchObject([{ operation: 'claim' }, { operation: 'finish' }])
    expect(lines.filter((line) => line.includes('push-store-failed'))).toHaveLength(2)
    expect(lines.join('')).not.toContain('what the user wrote')
  })

  it('the log has ten lines a minute for each operation, and says how many more there were', async () => {
    const logged = () => lines.filter((line) => line.includes('push-store-failed'))
    for (let id = 0; id < 100; id += 1) await answer(String(id))
    expect(happened('store-failed')).toHaveLength(200)
    expect(logged()).toHaveLength(20)
    await clock.advance(60_000)
    await answer('100')
    expect(logged()).toHaveLength(22)
    for (const line of logged().slice(20)) expect(line).toContain('"heldBack":90')
  })

  it('a copy that does not arrive is told to be lost, and not tried again', async () => {
    audit.answer = (_asked, response) => {
      response.statusCode = 500
      return ''
    }
    await answer('1')
    await until(() => happened('not-sent').length === 1)
    expect(happened('not-sent')).toMatchObject([{ job: { kind: 'copy' }, retryIn: undefined }])
    await clock.advance(60_000)
    await manyTurns()
    expect(audit.asked).toHaveLength(1)
  })

  it('a late reply is sent all the same, once', async () => {
    bot.answer = async () => {
      await new Promise<void>((resolve) => {
        clock.after(8_000, resolve)
      })
      return 'late'
    }
    const answered = answer('1')
    await bot.askedTimes(1)
    await clock.advance(4_100)
    expect(await answered).toBe('')
    await clock.advance(3_900)
    await until(() => sandbox.messages.list().length === 1)
    await clock.advance(120_000)
    await manyTurns()
    expect(sandbox.messages.list()).toMatchObject([{ message: { touser: 'oUser', text: { content: 'late' } } }])
    expect(happened('store-failed').length).toBeGreaterThanOrEqual(3)
  })

  it('what comes when it works again is stored again', async () => {
    await answer('1')
    store.broken = false
    await answer('2')
    await until(() => audit.asked.length === 2)
    await pushes.close()
    pushes = await pushesTo([jsonRoute(bot.url), observer(audit.url)])
    bot.answer = () => 'another reply'
    expect(await answer('2')).toContain('a reply')
  })
})

describe('while the store does not answer', () => {
  it('a push is handled after a second all the same', async () => {
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    store.hold = () => released
    const answered = answer('1')
    await clock.advance(999)
    await manyTurns()
    expect(bot.asked).toEqual([])
    await clock.advance(1)
    expect(await answered).toContain('a reply')
    expect(happened('store-failed')).toMatchObject([{ operation: 'claim' }])
    await until(() => audit.asked.length === 1)
    release()
    await until(() => happened('sent').length > 0)
    expect(bot.asked).toHaveLength(1)
  })
})

describe('success', () => {
  it.each([
    ['official', 4_100],
    ['miniprogram', 0],
  ] as const)('leaves when the reply that is due can no more be forgotten (%s)', async (type, ms) => {
    let keep: () => void = () => undefined
    const kept = () =>
      new Promise<void>((resolve) => {
        keep = resolve
      })
    const inbox = new Inbox({
      ...{ appID, type, clock, observe: (event) => events.push(event) },
      lateReplies: { expect: kept, sendLate: kept },
    })
    const answerer = () => ({
      ...({ name: 'bot', late: 'customer-service', longest: 60_000 } as const),
      ask: () => (type === 'official' ? new Promise<never>(() => undefined) : Promise.resolve('<xml/>')),
    })
    let answered = false
    const answering = inbox.answer({ push: text('1'), arrived: clock.monotonic(), answerer }).then((reply) => {
      answered = true
      return reply
    })
    await clock.advance(ms)
    await manyTurns()
    expect(answered).toBe(false)
    keep()
    expect(await answering).toBe('')
  })
})
