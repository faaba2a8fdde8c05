import type { Context, Middleware } from 'koa'
import { type Clock, systemClock } from '../wechat/clock.js'
import type { Message } from '../wechat/message.js'
import type { PushFormat } from '../wechat/push.js'
import type { Reply } from '../wechat/reply.js'
import { shielded } from '../wechat/shielded.js'
import type { Wechat } from '../wechat/wechat.js'
import { answerPush, refuse } from './answer.js'
import type { Answerer } from './answerer.js'
import type { Late } from './back-end.js'
import { BackEndFault } from './back-end-fault.js'
import type { CallbackEvent } from './callback-event.js'
import { answerHandshake } from './handshake.js'
import { Inbox } from './inbox.js'
import { replyXml } from './json-back-end.js'
import { receivePush } from './receive.js'
import { sendLateReply } from './send-late-reply.js'

/** What a handler learns beside the message. */
export interface HandlerContext {
  /** Koa's, of the first delivery. It may be over already when a slow handler uses it. */
  readonly ctx: Context
  readonly wechat: Wechat
  /** The message in clear, exactly as WeChat wrote it. */
  readonly text: string
  readonly format: PushFormat
  /** The same for each delivery of one message. */
  readonly id: string
}

/** A reply, a text, or nothing; at once or by a promise. */
export type Handled = Reply | string | null | undefined

export type Handler = (message: Message, context: HandlerContext) => Handled | Promise<Handled>

export interface CallbackOptions {
  /**
   * What becomes of a reply that is not there 4.1 s after the push: it is sent by the customer-service API, WeChat is let ask
   * again (its last retry falls back to customer service), or it is dropped. Default `customer-service`.
   */
  readonly late?: Late
  /** In seconds: a handler that takes longer counts as failed. Default 60. */
  readonly timeout?: number
  /** Told what happens to pushes. */
  readonly onEvent?: (event: CallbackEvent) => void
  /** Where time comes from. Default: the system's clocks. */
  readonly clock?: Clock
}

/**
 * Koa middleware for one's own app, to be mounted where WeChat calls, before any body parser: answers WeChat's check of the
 * callback URL, and, with a handler, its pushes. A push that is not WeChat's gets 403. Each push is handled once, though
 * WeChat sends it up to four times, and answered in time; that lasts as long as the process.
 *
 * @example
 * app.use(callback(wechat, (message) => {
 *   if (message.MsgType === 'text') return `You said: ${message.Content}`
 * }))
 */
export function callback(wechat: Wechat, handler?: Handler, options: CallbackOptions = {}): Middleware {
  const { clock = systemClock, onEvent = () => undefined } = options
  const observe = shielded(onEvent)
  let app: Context['app'] | undefined
  const inbox = new Inbox({
    ...{ appID: wechat.appID, type: wechat.type, clock, observe },
    lateReplies: {
      // Nothing is kept: what this process owes ends with it.
      expect: () => Promise.resolve(),
      // Nor is WeChat to wait for its own API.
      async sendLate({ message: { FromUserName } }, reply) {
        sendLateReply(wechat, FromUserName, reply).catch((error: unknown) => {
          observe({ type: 'late-failed', error })
          app?.emit('error', error)
        })
      },
    },
  })
  return async function answerWechat(ctx, next) {
    if (ctx.method === 'GET' || ctx.method === 'HEAD') return answerHandshake(ctx, [wechat])
    if (handler === undefined || ctx.method !== 'POST') return next()
    const arrived = clock.monotonic()
    app = ctx.app
    const received = await receivePush(ctx, [wechat])
    if ('refused' in received) {
      observe({ type: 'refused', reason: received.refused })
      return refuse(ctx)
    }
    const { push } = received
    const answerer = () => asAnswerer(handler, { ctx, wechat, clock, late: options.late, timeout: options.timeout })
    await answerPush(ctx, push, await inbox.answer({ push, arrived, answerer }), clock)
  }
}

interface AnswererOptions {
  readonly ctx: Context
  readonly wechat: Wechat
  readonly clock: Clock
  readonly late: Late | undefined
  readonly timeout: number | undefined
}

function asAnswerer(handler: Handler, { ctx, wechat, clock, late, timeout = 60 }: AnswererOptions): Answerer {
  const longest = timeout * 1000
  return {
    name: 'handler',
    late: late ?? 'customer-service',
    longest,
    ask({ message, text, format, id }) {
      const asXml = (value: Handled) =>
        value === undefined || value === null || value === '' ? '' : replyXml(value, message, clock.now())
      const fail = (error: unknown): never => {
        // As for every other middleware that fails.
        ctx.app.emit('error', error, ctx)
        throw error
      }
      try {
        const handled = handler(message, { ctx, wechat, text, format, id })
        return handled instanceof Promise ? within(longest, clock, handled).then(asXml).catch(fail) : asXml(handled)
      } catch (error) {
        return fail(error)
      }
    },
  }
}

/** @throws {BackEndFault} `timeout` when it takes longer than `ms`. */
async function within<T>(ms: number, clock: Clock, work: Promise<T>): Promise<T> {
  let stop: () => void = () => undefined
  const timeUp = new Promise<never>((_resolve, reject) => {
    stop = clock.after(ms, () => reject(new BackEndFault('timeout')), { background: true })
  })
  return Promise.race([work, timeUp]).finally(stop)
}
