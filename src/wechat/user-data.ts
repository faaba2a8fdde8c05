import { isUtf8 } from 'node:buffer'
import { createDecipheriv, createHash, createHmac } from 'node:crypto'
import { sameSignature } from './signature.js'

export interface UserDataOptions {
  /** The mini program's own appID: the data must be meant for it. */
  readonly appID: string
  /** The time, in ms since the epoch. */
  readonly now: number
  /** How old the data may be, in seconds. 0: any age, and any timestamp. */
  readonly maxAge: number
}

export type UserData =
  | {
      readonly ok: true
      readonly data: Record<string, unknown>
      /** When WeChat enciphered it, in seconds since the epoch. */
      readonly timestamp: number
    }
  | { readonly ok: false; readonly reason: 'tampered' | 'other-app' | 'too-old' }

/** In characters; what WeChat sends has at most some thousands. */
const longest = 64 * 1024
/** How far ahead of ours WeChat's clock may be, in seconds. */
const skew = 300

const tampered: UserData = { ok: false, reason: 'tampered' }

/**
 * Opens the `encryptedData` of a mini program: [SIGN] AES-128-CBC, and a watermark that must name our own appID. With a
 * `maxAge` a timestamp more than 300 s ahead is `too-old` as well: it says nothing of the age. Never throws. Everything
 * that is broken is `tampered`, without a difference that would help to guess.
 *
 * WeChat's cipher has no checksum: whoever changes `iv` changes the first 16 bytes of the text, unnoticed if they stay
 * JSON; and who may try about a million times finds a text with fields of their own. So openid and unionid in the data are to
 * be compared with those of the session, and wrong data is to be taken but a few times.
 */
export function decryptUserData(
  sessionKey: string,
  encryptedData: string,
  iv: string,
  { appID, now, maxAge }: UserDataOptions,
): UserData {
  const data = objectIn(deciphered(sessionKey, encryptedData, iv))
  const watermark = data?.['watermark']
  if (data === undefined || !isObject(watermark)) return tampered
  const { appid, timestamp } = watermark
  if (typeof appid !== 'string' || !isTimestamp(timestamp)) return tampered
  if (appid !== appID) return { ok: false, reason: 'other-app' }
  const age = now / 1000 - timestamp
  if (maxAge > 0 && (age > maxAge || age < -skew)) return { ok: false, reason: 'too-old' }
  return { ok: true, data, timestamp }
}

/** Whether `signature` is WeChat's for `rawData`, which must be as it was received: [SIGN] the key counts as text. */
export function verifyUserData(sessionKey: string, rawData: string, signature: string): boolean {
  return sameSignature(createHash('sha1').update(rawData).update(sessionKey).digest('hex'), signature)
}

/**
 * The `signature` of calls on behalf of a logged-in user, with `sig_method=hmac_sha256`: [HMAC] keyed with the base64
 * text, not with its bytes. `body` is empty for a GET.
 */
export function sessionSignature(sessionKey: string, body: string): string {
  return createHmac('sha256', sessionKey).update(body).digest('hex')
}

function deciphered(sessionKey: string, encryptedData: string, iv: string): Buffer | undefined {
  const key = strictBase64(sessionKey)
  const start = strictBase64(iv)
  const sealed = strictBase64(encryptedData)
  if (key === undefined || start === undefined || sealed === undefined) return undefined
  try {
    // Refuses keys and IVs of another length.
    const decipher = createDecipheriv('aes-128-cbc', key, start)
    return Buffer.concat([decipher.update(sealed), decipher.final()])
  } catch {
    return undefined
  }
}

/** Node leaves out what is no base64; only a text that comes back the same was base64 throughout. */
function strictBase64(text: string): Buffer | undefined {
  if (text.length > longest) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

function objectIn(plain: Buffer | undefined): Record<string, unknown> | undefined {
  if (plain === undefined || !isUtf8(plain)) return undefined
  try {
    const value: unknown = JSON.parse(plain.toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isTimestamp(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
