import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa, { type Middleware } from 'koa'
import { test as base, describe, expect } from 'vitest'
import { type CallbackOptions, callback, type Handler } from '../../src/callback/callback.js'
import type { CallbackEvent } from '../../src/callback/callback-event.js'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { reply } from '../../src/wechat/reply.js'
import { Wechat } from '../../src/wechat/wechat.js'
import { MovableClock } from '../support/movable-clock.js'
import { aesKey, shop } from '../support/running-hub.js'
import { until } from '../support/until.js'
import { manyTurns } from './with-hub.js'

type WechatSettings = Partial<ConstructorParameters<typeof Wechat>[0]>

/** A program of somebody who does without the hub, and the WeChat that calls it. */
class Program {
  readonly clock = new MovableClock()
  readonly sandbox = new Sandbox({
    accounts: [shop],
    now: () => this.clock.now(),
    after: (ms, work) => this.clock.after(ms, work),
  })
  /** What Koa was told of. */
  readonly errors: unknown[] = []
  readonly events: CallbackEvent[] = []
  readonly #servers: Server[] = []
  readonly #wechats: Wechat[] = []
  /** How often it was asked. */
  arrivals = 0

  /** Serves a Koa app with this callback; answers its URL. */
  async serve(
    handler: Handler | undefined,
    {
      wechat: settings = {},
      before = [],
      ...options
    }: CallbackOptions & { wechat?: WechatSettings; before?: Middleware[] } = {},
  ): Promise<string> {
    const apiDomain = this.#wechats.length === 0 ? await this.sandbox.listen() : this.#apiDomain
    this.#apiDomain = apiDomain
    const wechat = new Wechat({ ...shop, apiDomain, clock: this.clock, ...settings })
    this.#wechats.push(wechat)
    const app = new Koa()
    app.on('error', (error) => this.errors.push(error))
    app.use((_ctx, next) => {
      this.arrivals += 1
      return next()
    })
    for (const each of before) app.use(each)
    app.use(callback(wechat, handler, { clock: this.clock, onEvent: (event) => this.events.push(event), ...options }))
    app.use((ctx) => {
      ctx.body = 'the next one'
    })
    const server = createServer(app.callback())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.#servers.push(server)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/wx`
    const { mode, encodingAESKey } = settings
    const sealed = typeof encodingAESKey === 'string' ? { encodingAESKey } : {}
    this.sandbox.accounts.add({ ...shop, callbackUrl: url, ...(mode === undefined ? {} : { mode }), ...sealed })
    return url
  }

  #apiDomain = ''

  /** What customer service has told users. */
  get told() {
    const messages = this.sandbox.messages.list().map(({ message }) => message)
    return messages.filter(({ touser }) => touser !== 'oTheLastOne')
  }

  /** The same, when nothing is on its way any more: a message of the test's own has arrived. */
  async allTold() {
    await manyTurns()
    await this.#wechats[0]?.sendMessage('oTheLastOne', reply.text('the last one'))
    await manyTurns()
    return this.told
  }

  slow<T>(ms: number, value: T): () => Promise<T> {
    return async () => {
      await new Promise<void>((resolve) => {
        this.clock.after(ms, resolve)
      })
      return value
    }
  }

  async close(): Promise<void> {
    await this.sandbox.close()
    for (const server of this.#servers) server.closeAllConnections()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
    await Promise.all(this.#wechats.map((wechat) => wechat.close()))
  }
}

const test = base.extend<{ program: Program }>({
  program: async ({ task: _task }, use) => {
    const program = new Program()
    await use(program)
    await program.close()
  },
})

describe('callback in an app of one’s own', () => {
  test.for([
    ['a text', 'hello 你好', { MsgType: 'text', Content: 'hello 你好' }],
    ['a reply', reply.image('M'), { MsgType: 'image', Image: { MediaId: 'M' } }],
    ['news', reply.news([{ title: 'A' }]), { MsgType: 'news', ArticleCount: '1' }],
    ['a promise', Promise.resolve('later'), { MsgType: 'text', Content: 'later' }],
  ] as const)('answers %s', async ([, value, expected], { program }) => {
    await program.serve(() => value)
    expect(await program.sandbox.push()).toMatchObject({ result: 'reply', reply: expected })
    expect(program.errors).toEqual([])
  })

  test.for([[undefined], [null], ['']] as const)('answers success for %j', async ([value], { program }) => {
    await program.serve(() => value)
    expect(await program.sandbox.push()).toMatchObject({ result: 'silent', deliveries: [{ body: 'success' }] })
    expect(program.errors).toEqual([])
  })

  test('gives the handler the message, and what came with it', async ({ program }) => {
    const seen: unknown[] = []
    await program.serve((message, { ctx, wechat, text, format, id }) => {
      seen.push(message, ctx.path, wechat.appID, text, format, id)
    })
    const push = program.sandbox.preparePush({ message: { Content: '007' } })
    await push.deliver()
    expect(seen).toMatchObject([
      { MsgType: 'text', Content: '007', MsgId: push.message['MsgId'] },
      '/wx',
      shop.appID,
      expect.stringContaining('<Content><![CDATA[007]]></Content>'),
      'xml',
      expect.stringMatching(/^[\w.-]{1,128}$/),
    ])
  })

  test.for(['safe', 'compatible'] as const)('reads and answers %s mode', async (mode, { program }) => {
    await program.serve((message) => (message.MsgType === 'text' ? `you said ${message.Content}` : undefined), {
      wechat: { mode, encodingAESKey: aesKey },
    })
    const push = program.sandbox.preparePush({ message: { Content: 'a' } })
    const reports = [await push.deliver(), await push.deliver()]
    for (const report of reports) expect(report.reply).toMatchObject({ Content: 'you said a' })
    expect(reports[0]?.deliveries[0]?.body).toContain('<Encrypt>')
  })

  test.for([
    [
      'throws',
      () => {
        throw new Error('a bug of mine')
      },
      'a bug of mine',
    ],
    ['rejects', () => Promise.reject(new Error('a bug of mine')), 'a bug of mine'],
    ['returns no reply', () => Object({ MsgType: 'txt' }), '"MsgType" of a reply must be one of'],
  ] as const)('answers success when the handler %s, and Koa is told', async ([, handler, message], { program }) => {
    await program.serve(handler)
    expect(await program.sandbox.push()).toMatchObject({ result: 'silent', deliveries: [{ body: 'success' }] })
    expect(program.errors).toEqual([expect.objectContaining({ message: expect.stringContaining(message) })])
    expect(program.events).toMatchObject([
      { type: 'fault', to: 'handler' },
      { type: 'answered', outcome: 'success' },
    ])
  })

  test('goes on when the one who is told of events throws', async ({ program }) => {
    const warned = new Promise((resolve) => process.once('warning', resolve))
    const onEvent = () => {
      throw new Error('a bug of the observer')
    }
    await program.serve(() => 'fine', { onEvent })
    expect(await program.sandbox.push()).toMatchObject({ reply: { Content: 'fine' } })
    expect(await warned).toMatchObject({ message: 'a bug of the observer' })
    expect(program.errors).toEqual([])
  })

  test('gives up on a handler that takes longer than the time-out', async ({ program }) => {
    await program.serve(() => new Promise(() => undefined), { timeout: 20 })
    const report = program.sandbox.push()
    await until(() => program.arrivals === 1)
    await manyTurns()
    await program.clock.advance(4_100)
    expect(await report).toMatchObject({ result: 'silent', deliveries: [{ ms: 4_100, body: 'success' }] })
    await program.clock.advance(15_900)
    expect(program.errors).toEqual([expect.objectContaining({ kind: 'timeout' })])
    expect(await program.allTold()).toEqual([])
  })

  test('sends a late reply by customer service', async ({ program }) => {
    await program.serve(program.slow(8_000, reply.text('late')))
    const report = program.sandbox.push()
    await until(() => program.arrivals === 1)
    await manyTurns()
    await program.clock.advance(4_100)
    expect(await report).toMatchObject({ result: 'silent', deliveries: [{ ms: 4_100, body: 'success' }] })
    await program.clock.advance(3_900)
    await until(() => program.told.length === 1)
    expect(await program.allTold()).toMatchObject([{ msgtype: 'text', text: { content: 'late' } }])
  })

  test('tells its observer and Koa when customer service fails', async ({ program }) => {
    await program.serve(program.slow(8_000, 'late'))
    const report = program.sandbox.push()
    await until(() => program.arrivals === 1)
    await manyTurns()
    program.sandbox.faults.add({ kind: 'errcode', errcode: 45015, path: '/cgi-bin/message/custom/send' })
    await program.clock.advance(8_000)
    await report
    await until(() => program.events.some(({ type }) => type === 'late-failed'))
    expect(program.events.at(-1)).toMatchObject({ type: 'late-failed', error: { errcode: 45015 } })
    expect(program.errors).toMatchObject([{ errcode: 45015 }])
  })

  test('gives a late reply to a retry where it is told to', async ({ program }) => {
    let calls = 0
    const slow = program.slow(8_000, 'at the second')
    await program.serve(
      () => {
        calls += 1
        return slow()
      },
      { late: 'retry' },
    )
    const report = program.sandbox.push()
    await until(() => program.arrivals === 1)
    await manyTurns()
    await program.clock.advance(5_000)
    await until(() => program.arrivals === 2)
    await program.clock.advance(3_000)
    expect(await report).toMatchObject({ reply: { Content: 'at the second' }, deliveries: [{ outcome: 'cut' }, {}] })
    await program.clock.advance(60_000)
    expect(await program.allTold()).toEqual([])
    expect(calls).toBe(1)
  })

  test('drops a late reply where it is told to', async ({ program }) => {
    await program.serve(program.slow(8_000, 'late'), { late: 'drop' })
    const report = program.sandbox.push()
    await until(() => program.arrivals === 1)
    await manyTurns()
    await program.clock.advance(8_000)
    expect(await report).toMatchObject({ result: 'silent' })
    await until(() => program.events.some(({ type }) => type === 'late'))
    expect(await program.allTold()).toEqual([])
  })

  test('calls the handler once for a push, and for each of two apps once', async ({ program }) => {
    const calls: string[] = []
    const one = await program.serve(() => `one ${calls.push('one')}`)
    const other = await program.serve(() => `other ${calls.push('other')}`)
    const message = { MsgId: '5', Content: 'hi' }
    const toOne = program.sandbox.preparePush({ message, url: one })
    const reports = await Promise.all([toOne.deliver(), toOne.deliver(), toOne.deliver()])
    for (const report of reports) expect(report.reply).toMatchObject({ Content: 'one 1' })
    const toOther = program.sandbox.preparePush({ message, url: other })
    expect((await toOther.deliver()).reply).toMatchObject({ Content: 'other 2' })
    expect(calls).toEqual(['one', 'other'])
  })

  test('answers a mini program at once, though customer service is slow', async ({ program }) => {
    await program.serve(() => 'hello', { wechat: { type: 'miniprogram' } })
    program.sandbox.faults.add({ kind: 'hang', path: '/cgi-bin/message/custom/send' })
    const report = await program.sandbox.push({ format: 'json' })
    expect(report).toMatchObject({ result: 'silent', deliveries: [{ ms: 0, body: 'success' }] })
    // Else it would have been heard before that the call had failed.
    expect(program.events.map(({ type }) => type)).toEqual(['answered'])
  })
})

describe('what is no push', () => {
  test('is refused with 403, always the same', async ({ program }) => {
    const url = await program.serve(() => 'hi')
    const { deliveries } = await program.sandbox.preparePush({ token: 'otherToken' }).deliver()
    expect(deliveries).toMatchObject([{ status: 403, body: 'mismatch' }])
    const answers = await Promise.all([
      fetch(url, { method: 'POST', body: 'x'.repeat(300 * 1024) }),
      fetch(url, { method: 'POST', body: '<xml/>' }),
      fetch(`${url}?signature=a&timestamp=1&nonce=2`, { method: 'POST' }),
    ])
    for (const answer of answers) {
      expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
        ...[403, 'text/plain; charset=utf-8', 'mismatch'],
      ])
    }
    const reasons = program.events.map((event) => event.type === 'refused' && event.reason)
    expect(reasons.toSorted()).toEqual(['signature', 'signature', 'signature', 'too-long'])
  })

  test('is the handshake: that is answered', async ({ program }) => {
    await program.serve(() => 'hi')
    expect(await program.sandbox.handshake()).toEqual({ accepted: true, status: 200 })
  })

  test('goes on to the next middleware when it is another method, or nobody handles pushes', async ({ program }) => {
    const url = await program.serve(() => 'hi')
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      expect(await (await fetch(url, { method })).text()).toBe('the next one')
    }
    const without = await program.serve(undefined)
    expect(await (await fetch(without, { method: 'POST' })).text()).toBe('the next one')
  })

  test('is a body that a parser has read before: Koa is told what to do', async ({ program }) => {
    const parser: Middleware = async (ctx, next) => {
      for await (const _chunk of ctx.req);
      await next()
    }
    await program.serve(() => 'hi', { before: [parser] })
    const { deliveries } = await program.sandbox.preparePush().deliver()
    expect(deliveries).toMatchObject([{ status: 500 }])
    expect(program.errors).toMatchObject([{ message: expect.stringContaining('a body parser must not come before') }])
  })
})
