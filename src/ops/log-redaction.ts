import { EventEmitter } from 'node:events'
import type { Secrets } from '../wechat/secrets.js'
import { errorRecord } from './log-error.js'

export const censored = '[secret]'

/** Keys whose value is never logged, with neither case nor `-` and `_` counting. `code` is not one: errors have it. */
const secretKeys: ReadonlySet<string> = new Set([
  ...['accesstoken', 'refreshtoken', 'componentaccesstoken', 'authorizeraccesstoken', 'token', 'tokens'],
  ...['ticket', 'jsapiticket', 'apiticket', 'cardticket', 'componentverifyticket'],
  ...['appsecret', 'secret', 'clientsecret', 'encodingaeskey', 'aeskey', 'password', 'passwd'],
  ...['key', 'keys', 'hubkey', 'clientkey', 'apikey', 'xapikey', 'sessionkey', 'session', 'xsession'],
  ...['jscode', 'logincode', 'authorization', 'proxyauthorization', 'cookie', 'setcookie', 'query', 'querystring'],
])

const urlKeys: ReadonlySet<string> = new Set(['url', 'uri', 'href', 'originalurl', 'requesturl'])

/** Objects nested deeper are not logged. A circle ends here too. */
const deepest = 5

type Judgement = 'secret' | 'url' | 'plain'
const judgements = new Map<string, Judgement>()

/**
 * A log record fit to be written: no value under a key that names a secret, no query in a URL, errors by type, message,
 * code, stack and cause only, and nothing of sockets, requests or bytes. The same object if all of it was fit.
 */
export function fitToLog(record: Record<string, unknown>, depth = 0): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined
  for (const key in record) {
    const value = record[key]
    const fit = fitUnder(key, value, depth)
    if (fit === value) continue
    copy ??= { ...record }
    copy[key] = fit
  }
  return copy ?? record
}

function fitUnder(key: string, value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return value
  const judgement = judge(key)
  if (judgement === 'secret') return censored
  if (judgement === 'url' && typeof value === 'string') return withoutQuery(value)
  return typeof value === 'object' ? fitObject(value, depth + 1) : value
}

function fitObject(value: object, depth: number): unknown {
  if (value instanceof Error) return errorRecord(value)
  if (value instanceof Date) return value
  if (value instanceof URL) return withoutQuery(value.href)
  if (value instanceof EventEmitter) return `[${value.constructor.name}]`
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (depth > deepest) return '[too deep]'
  if (Array.isArray(value)) return value.map((inner: unknown) => fitUnder('', inner, depth))
  return fitToLog({ ...value }, depth)
}

function judge(key: string): Judgement {
  const known = judgements.get(key)
  if (known !== undefined) return known
  const name = key.replaceAll(/[-_]/g, '').toLowerCase()
  const judgement = secretKeys.has(name) ? 'secret' : urlKeys.has(name) ? 'url' : 'plain'
  // Keys come from our own code. Should a record ever carry a stranger's, memory still ends.
  if (judgements.size < 1000) judgements.set(key, judgement)
  return judgement
}

function withoutQuery(url: string): string {
  const end = url.search(/[?#]/)
  return (end < 0 ? url : url.slice(0, end)).replace(/\/\/[^/@]*@/, '//')
}

const secretParameter =
  /([?&](?:access_token|component_access_token|refresh_token|appsecret|secret|ticket|js_code|code|session_key|key|token)=)[^&#\s"'\\]+/gi
const bearer = /\b(Bearer )[\w.~+/-]+=*/gi
/**
 * The shape of WeChat's access_tokens: one that this process never held can still be put into a path by a client. It
 * may follow a letter, as those below may: an escape such as `%3D` ends in one.
 */
const accessToken = /\d{1,3}_[\w-]{80,}/g
/** The shape of its tickets, 64 bytes in base64url [JSSDK]: one that was replaced while the hub was down. */
const ticket = /(?:(?<![\w-])|(?<=%[\dA-Fa-f]{2}))[\w-]{86}(?![\w-])/g
const clientKey = /whk_[0-9A-Za-z]{20,}/g
/** Sessions of mini programs, of which only the hashes are kept. */
const session = /whs_[\w-]{20,}/g
/** Whom a path is about: an openid is no secret, but nobody else's business. */
const userInPath = /(\/users\/)[^/?#\s"'\\]+/g
/** Hub tokens, of which the hub keeps no list. */
const hubToken = /wht_[\w.-]{20,}/g

/**
 * A finished text without secrets (P6). First without those that are known by what stands around them: a known secret can be a
 * word of that.
 */
export function cleanText(text: string, secrets: Pick<Secrets, 'redact'>): string {
  return secrets.redact(censorText(text))
}

/** Secrets in a finished text that nobody has told us of, known by what stands before them. */
export function censorText(text: string): string {
  let clean = text
  if (clean.includes('=')) clean = clean.replace(secretParameter, `$1${censored}`)
  if (/bearer /i.test(clean)) clean = clean.replace(bearer, `$1${censored}`)
  if (clean.length > 80 && clean.includes('_')) clean = clean.replace(accessToken, censored)
  // Before the tickets: a client's name can have their shape inside a hub token.
  if (clean.includes('wht_')) clean = clean.replace(hubToken, censored)
  if (clean.length >= 86) clean = clean.replace(ticket, censored)
  if (clean.includes('whs_')) clean = clean.replace(session, censored)
  if (clean.includes('/users/')) clean = clean.replace(userInPath, '$1[user]')
  if (clean.includes('whk_')) clean = clean.replace(clientKey, censored)
  return clean
}
