import type { Issued } from './issued.js'
import type { VersionedRecord } from './storage.js'

/** A credential as it was found in, or goes into, a storage. */
export interface Stored {
  readonly value: string
  /** The moment of death, in ms since the epoch. */
  readonly expiresAt: number
  /** How long it lived from its fetch on, in ms; unknown for the records of the two articles. */
  readonly lifetime: number | undefined
  readonly version: number
  /** Unknown if another program, or one that does not need it, stored the record. */
  readonly issued?: Issued | undefined
}

/** WeChat's tokens live two hours at most [TOKEN]; a record that promises more was written with a wrong clock. */
const longestLifetime = 7_200_000
const clockTolerance = 60_000

/** From here on a number is a moment in ms since the epoch, not a duration in seconds. */
const firstMoment = 100_000_000_000

/**
 * Reads a stored credential. Three shapes are understood: our own (`expires_in` in seconds and `expires_time`, the moment
 * of death in ms), and those of the two articles: only `expires_time`, or the moment of death in `expires_in`.
 *
 * @throws {TypeError} that says, without the value, what is wrong with it.
 */
export function readRecord(raw: unknown, field: string, now: number): Stored {
  const record = typeof raw === 'string' || Buffer.isBuffer(raw) ? parseJson(raw.toString()) : raw
  if (!isObject(record)) throw new TypeError('it is not a JSON object')
  const value = record[field]
  if (!isCredential(value)) throw new TypeError(`it has no "${field}" that could be WeChat's`)
  const expiresAt = readMoment(record)
  const lifetime = readLifetime(record)
  if (expiresAt - now > Math.max(lifetime ?? 0, longestLifetime) + clockTolerance) {
    throw new TypeError('it dies later than any token can: the clock was wrong when it was written, or is now')
  }
  const { version = 0 } = record
  if (!isVersion(version)) throw new TypeError('its "version" is no count of saves')
  return { value, expiresAt, lifetime, version, issued: readIssued(record) }
}

/** Whether a value can be WeChat's: 1 to 512 printable ASCII characters [STABLE, ATUSE]. */
export function isCredential(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,512}$/.test(value)
}

/**
 * The record: `{"access_token": "…", "expires_in": 7200, "expires_time": 1700000000000, "version": 1}`, and where it matters
 * `issued_from` and `issued_to`, the moments between which WeChat issued it, by its own clock in ms.
 */
export function writeRecord(stored: Stored, field: string): VersionedRecord {
  const { value, expiresAt, lifetime, version, issued } = stored
  return {
    [field]: value,
    ...(lifetime === undefined ? {} : { expires_in: Math.round(lifetime / 1000) }),
    expires_time: expiresAt,
    version,
    ...(issued === undefined ? {} : { issued_from: issued.from, issued_to: issued.to }),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message would quote the text, and with it the token.
    throw new TypeError('it is not JSON')
  }
}

function readMoment(record: Record<string, unknown>): number {
  const { expires_time, expires_in } = record
  if (isNumber(expires_time) && expires_time > firstMoment) return expires_time
  if (isNumber(expires_in) && expires_in > firstMoment) return expires_in
  throw new TypeError('it has no "expires_time"')
}

function readLifetime(record: Record<string, unknown>): number | undefined {
  const { expires_in } = record
  return isNumber(expires_in) && expires_in > 0 && expires_in < firstMoment ? expires_in * 1000 : undefined
}

/** Without it nothing is known of the order, which is no fault. */
function readIssued({ issued_from: from, issued_to: to }: Record<string, unknown>): Issued | undefined {
  return isNumber(from) && isNumber(to) ? { from, to } : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isVersion(value: unknown): value is number {
  // Far from where counting on would lose precision.
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 2 ** 50
}
