import { randomInt } from 'node:crypto'
import { handshakeSignature, messageSignature } from '../../wechat/signature.js'
import type { CallbackFormat } from '../callback-settings.js'
import type { Fields } from './fields.js'
import type { LineRequest } from './line.js'
import type { Terms } from './terms.js'
import { writeJSON } from './write-json.js'
import { writeXML } from './write-xml.js'

/** A message that is to be delivered, once or several times. */
export interface Posting {
  readonly url: URL
  readonly terms: Terms
  readonly message: Fields
  /** The message in clear, as it is written. */
  readonly clear: string
}

/** What changes with each request: ten random digits, and the second. */
export interface Stamp {
  readonly timestamp: string
  readonly nonce: string
}

/** `now` in ms since the epoch. */
export function stampOf(now: number): Stamp {
  return { timestamp: String(Math.floor(now / 1000)), nonce: String(randomInt(1e9, 1e10)) }
}

export function written(fields: Fields, format: CallbackFormat): string {
  return format === 'json' ? writeJSON(fields) : writeXML(fields)
}

/** A URL with the values added to its query. Its own query stays. */
export function withQuery(url: URL, query: Readonly<Record<string, string>>): URL {
  const extended = new URL(url)
  for (const [name, value] of Object.entries(query)) extended.searchParams.append(name, value)
  return extended
}

/** The request for one delivery. Each time it is enciphered anew, so no two bodies are the same. */
export function requestFor({ url, terms, message, clear }: Posting, { timestamp, nonce }: Stamp): LineRequest {
  const { appID, token, format, seal } = terms
  const openid = String(message['FromUserName'])
  const signed = { signature: handshakeSignature(token, timestamp, nonce), timestamp, nonce, openid }
  const sent = { method: 'POST', contentType: format === 'json' ? 'application/json' : 'text/xml' } as const
  if (seal === undefined) return { ...sent, url: withQuery(url, signed), body: clear }
  const encrypt = seal.key.seal(clear, appID)
  const enciphered = { encrypt_type: 'aes', msg_signature: messageSignature(token, timestamp, nonce, encrypt) }
  const shown = seal.clearToo ? message : { ToUserName: message['ToUserName'] ?? '' }
  const body = written({ ...shown, Encrypt: encrypt }, format)
  return { ...sent, url: withQuery(url, { ...signed, ...enciphered }), body }
}
