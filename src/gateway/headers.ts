import type { IncomingHttpHeaders } from 'node:http'

/** What of a caller's headers is sent to WeChat. The length and the framing of the body are undici's business. */
const upward: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'content-encoding',
  'content-type',
  'if-modified-since',
  'if-none-match',
  'range',
  'user-agent',
])

/** What of WeChat's headers is sent to a caller. No `location`: it could hold the access_token. */
const downward: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
  'retry-after',
])

/** WeChat's signed calls carry `Wechatmp-Appid`, `-TimeStamp`, `-Signature`, `-Serial` both ways. */
const signing = 'wechatmp-'

/** The headers for WeChat, as a flat list of names and values. What `Connection` names is for this hop alone (RFC 9110 7.6.1). */
export function headersUp(headers: IncomingHttpHeaders): string[] {
  const picked = pick(headers, upward)
  // In a compressed answer the hub could not find the access_token.
  picked.push('accept-encoding', 'identity')
  return picked
}

/** The headers for the caller, as a flat list of names and values, without those that repeat the `secret`. */
export function headersDown(headers: IncomingHttpHeaders, secret?: string): string[] {
  return pick(headers, downward, secret)
}

function pick(headers: IncomingHttpHeaders, allowed: ReadonlySet<string>, secret?: string): string[] {
  const hop = namedIn(headers.connection)
  const picked: string[] = []
  for (const name in headers) {
    if (!allowed.has(name) && !name.startsWith(signing)) continue
    const value = headers[name]
    // Several of one name are no single word of the sender's.
    if (typeof value !== 'string' || hop?.includes(name)) continue
    if (secret === undefined || !value.includes(secret)) picked.push(name, value)
  }
  return picked
}

function namedIn(connection: string | undefined): readonly string[] | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  return connection.split(',').map((name) => name.trim().toLowerCase())
}
