import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

const prefix = 'whk_'
/** 43 base62 digits hold 256 bits (62^43 > 2^256). */
const bodyLength = 43
const checksumLength = 6
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/**
 * A new client key: `whk_`, 43 base62 digits (256 random bits) and 6 base62 digits of checksum. The prefix lets secret
 * scanners find a leaked one; the checksum lets the hub tell a mistyped one from an unknown one.
 */
export function makeKey(): string {
  const body = base62(randomBytes(32).toString('hex'), bodyLength)
  return prefix + body + checksum(body)
}

/**
 * Whether the key can be a client key at all. One that begins with `whk_` must have the length and the checksum of
 * `makeKey`'s; any other was chosen by the operator and passes.
 */
export function isWellFormed(key: string): boolean {
  if (!key.startsWith(prefix)) return true
  if (key.length !== prefix.length + bodyLength + checksumLength) return false
  const body = key.slice(prefix.length, -checksumLength)
  const given = Buffer.from(key.slice(-checksumLength))
  const right = Buffer.from(checksum(body))
  return given.length === right.length && timingSafeEqual(given, right)
}

/** The SHA-256 of a client key, as 64 lower-case hex digits: what `keyHash` in the configuration holds. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** The first 48 bits of the SHA-256, modulo 62^6 (a bit under 2^36: a number holds both exactly). */
function checksum(body: string): string {
  const number = createHash('sha256').update(body).digest().readUIntBE(0, 6)
  let text = ''
  for (let rest = number, i = 0; i < checksumLength; i++) {
    text = digits.charAt(rest % digits.length) + text
    rest = Math.floor(rest / digits.length)
  }
  return text
}

function base62(hex: string, length: number): string {
  const base = BigInt(digits.length)
  let text = ''
  for (let rest = BigInt(`0x${hex}`); rest > 0n; rest /= base) text = digits.charAt(Number(rest % base)) + text
  return text.padStart(length, '0')
}
