import { randomInt } from 'node:crypto'
import { handshakeSignature } from '../wechat/signature.js'
import { readXml } from '../wechat/xml.js'
import type { Forwarded } from './back-end.js'
import { BackEndFault } from './back-end-fault.js'
import type { BackEndAnswer } from './back-ends.js'

/**
 * What WeChat itself would send in plain mode to a server whose Token is `token`, so that a program that is written for
 * WeChat works unchanged behind the hub. `seconds`: the present time, since the epoch.
 */
export function toXmlBackEnd(
  { text, format, message }: Forwarded,
  { url, token, seconds }: { url: URL; token: string; seconds: number },
) {
  const timestamp = String(seconds)
  const nonce = String(randomInt(100_000_000, 2_000_000_000))
  const target = new URL(url)
  const signed = { signature: handshakeSignature(token, timestamp, nonce), timestamp, nonce }
  for (const [name, value] of Object.entries({ ...signed, openid: message.FromUserName })) {
    target.searchParams.set(name, value)
  }
  const type = format === 'json' ? 'application/json' : 'text/xml'
  return { url: target, headers: { 'content-type': `${type}; charset=utf-8` }, body: text }
}

/**
 * The passive reply in such a program's answer, word for word; empty for `success` and for nothing.
 *
 * @throws {BackEndFault} `rubbish` for anything else.
 */
export function readXmlBackEnd({ text }: BackEndAnswer): string {
  const reply = text.trim()
  if (reply === '' || reply === 'success') return ''
  const fields = readXml(reply)
  if (typeof fields?.['MsgType'] === 'string') return reply
  if (fields?.['Encrypt'] !== undefined) {
    throw new BackEndFault('rubbish', {
      because: 'its reply is encrypted; set it to plain mode, the hub does the rest',
    })
  }
  throw new BackEndFault('rubbish', { because: 'neither XML with a MsgType nor success' })
}
