import crypto, { createHash, timingSafeEqual } from 'node:crypto'

/** What WeChat signs of a handshake and of a push in plain mode. */
export interface SignedQuery {
  readonly signature: string
  readonly timestamp: string
  readonly nonce: string
}

/** Longer values are not WeChat's: its signatures have 40 characters, its nonces and timestamps about 10. */
const plainValue = /^[\x21-\x7e]{1,128}$/

/** The signature of a handshake and of a plain-mode push: [PUSH] `sha1(sort(token, timestamp, nonce))`, lowercase hex. */
export function handshakeSignature(token: string, timestamp: string, nonce: string): string {
  return sha1OfSorted([token, timestamp, nonce])
}

/** `msg_signature` of an encrypted push and of its reply: [ENC] covers the ciphertext exactly as it was sent. */
export function messageSignature(token: string, timestamp: string, nonce: string, encrypt: string): string {
  return sha1OfSorted([token, timestamp, nonce, encrypt])
}

/** The signature for `wx.config`: [JSSDK] raw values, names in ASCII order, the URL cut at its first `#`. */
export function jssdkSignature(ticket: string, nonceStr: string, timestamp: string | number, url: string): string {
  const fragment = url.indexOf('#')
  const page = fragment < 0 ? url : url.slice(0, fragment)
  return sha1(`jsapi_ticket=${ticket}&noncestr=${nonceStr}&timestamp=${timestamp}&url=${page}`)
}

/** The signature of a card (`cardExt`, `cardSign`): [JSSDK] over the values alone, sorted; empty ones are left out. */
export function cardSignature(values: Iterable<string | undefined>): string {
  return sha1OfSorted([...values].filter((value): value is string => value !== undefined && value !== ''))
}

/**
 * Whether a query is signed with one of the tokens. A value that is missing, repeated, empty, longer than 128
 * characters or not printable ASCII makes it unsigned; so does an empty list of tokens.
 */
export function isSigned(query: Readonly<Record<string, unknown>>, tokens: readonly string[]): boolean {
  const signed = readSignedQuery(query)
  if (signed === undefined) return false
  // Every token is tried, so that the time taken does not tell which one fits.
  return tokens
    .map((token) => sameSignature(handshakeSignature(token, signed.timestamp, signed.nonce), signed.signature))
    .includes(true)
}

/** Compares two signatures, whose length is no secret, in a time that does not depend on where they differ. */
export function sameSignature(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))
}

function readSignedQuery(query: Readonly<Record<string, unknown>>): SignedQuery | undefined {
  const { signature, timestamp, nonce } = query
  return isPlain(signature) && isPlain(timestamp) && isPlain(nonce) ? { signature, timestamp, nonce } : undefined
}

/** Whether a query value is what WeChat sends: one string of 1 to 128 printable ASCII characters. */
export function isPlain(value: unknown): value is string {
  return typeof value === 'string' && plainValue.test(value)
}

function sha1OfSorted(values: string[]): string {
  return sha1(sortedByBytes(values).join(''))
}

/** PROTOCOL trap 3: byte order, not the locale's. That of UTF-16, which costs less, differs from it only from U+D800 on. */
function sortedByBytes(values: string[]): readonly unknown[] {
  if (!values.some((value) => /[\uD800-\uFFFF]/.test(value))) return values.sort()
  return values.map((value) => Buffer.from(value)).sort(Buffer.compare)
}

/** Node 20.12 and later hash in one step, which takes half the time. */
const sha1: (text: string) => string =
  typeof crypto.hash === 'function'
    ? (text) => crypto.hash('sha1', text)
    : (text) => createHash('sha1').update(text).digest('hex')
