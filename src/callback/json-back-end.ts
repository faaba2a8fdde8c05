import { createHmac } from 'node:crypto'
import type { Message } from '../wechat/message.js'
import { readReply, reply, writeReply } from '../wechat/reply.js'
import type { Forwarded } from './back-end.js'
import { BackEndFault } from './back-end-fault.js'
import type { BackEndAnswer } from './back-ends.js'

/**
 * A message as `{"account", "message"}` with a signature that only the hub can make: `X-Hub-Signature` is `sha256=` and the
 * HMAC-SHA256, in hex, of `X-Hub-Timestamp`, a dot and the body. `seconds`: the present time, since the epoch.
 */
export function toJsonBackEnd(
  { message }: Forwarded,
  { url, secret, seconds, account }: { url: URL; secret: string; seconds: number; account: string },
) {
  const body = JSON.stringify({ account, message })
  const signature = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'x-hub-timestamp': String(seconds),
    'x-hub-signature': `sha256=${signature}`,
  }
  return { url, headers, body }
}

/**
 * The reply in a back end's answer, as the XML of a passive reply; empty for none: nothing, `success`, or JSON `null`. JSON is
 * a reply with WeChat's names, whatever its content type, or a text; any other text is a text reply.
 *
 * @throws {BackEndFault} `rubbish` for what is no reply, such as an HTML page.
 */
export function readJsonBackEnd({ type, text }: BackEndAnswer, message: Message, now: number): string {
  if (text.trim() === '' || text.trim() === 'success') return ''
  const value = type === 'application/json' || type.endsWith('+json') ? parsed(text) : plain(type, text)
  if (value === null || value === '') return ''
  return replyXml(value, message, now)
}

/**
 * The XML of what a back end or a handler answered: a reply with WeChat's names, or a text.
 *
 * @throws {BackEndFault} `rubbish` when it is neither.
 */
export function replyXml(value: unknown, message: Message, now: number): string {
  try {
    const answered = typeof value === 'string' ? reply.text(value) : readReply(value)
    const createTime = Math.floor(now / 1000)
    return writeReply(answered, { to: message.FromUserName, from: message.ToUserName, createTime })
  } catch (error) {
    throw new BackEndFault('rubbish', { because: error instanceof Error ? error.message : String(error) })
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new BackEndFault('rubbish', { because: 'its content type is JSON, and it is none' })
  }
}

/** Several web frameworks call every text HTML, JSON too; a page of an error is one as well. */
function plain(type: string, text: string): unknown {
  const isText = type === '' || type.startsWith('text/')
  if (!isText) throw new BackEndFault('rubbish', { because: 'its content type is neither JSON nor text' })
  if (isMarkup(type, text.trimStart())) throw new BackEndFault('rubbish', { because: 'an HTML page, or XML' })
  return replyIn(text) ?? text
}

function isMarkup(type: string, text: string): boolean {
  return (/^text\/(?:html|xml)$/.test(type) && text.startsWith('<')) || /^<(?:!doctype|html|\?xml|xml)\b/i.test(text)
}

/** A text that is a reply in JSON was not meant for the user's eyes. */
function replyIn(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'MsgType' in value ? value : undefined
  } catch {
    return undefined
  }
}
