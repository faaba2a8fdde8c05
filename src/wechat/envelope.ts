import { createCipheriv, createDecipheriv, randomFillSync, timingSafeEqual } from 'node:crypto'

/** [ENC] The padding's block, in bytes: twice that of AES, so Node's own padding can't be used. */
const block = 32

/** What stands before the message: 16 random bytes, then its length as a 4-byte number. */
const headLength = 20

/**
 * Safe mode's AES layer with one EncodingAESKey: [ENC, TECH] AES-256-CBC over 16 random bytes, the length of the message,
 * the message, and the appID of the account that it is for.
 */
export class EnvelopeKey {
  readonly #key: Buffer
  readonly #iv: Buffer

  /** @throws {TypeError} when the key is not 43 letters and digits. */
  constructor(encodingAESKey: string) {
    if (!/^[A-Za-z0-9]{43}$/.test(encodingAESKey)) {
      throw new TypeError('an EncodingAESKey must be 43 letters and digits')
    }
    // PROTOCOL trap 2: the spare bits of the 43rd character are often set, which a strict decoder refuses.
    this.#key = Buffer.from(`${encodingAESKey}=`, 'base64')
    this.#iv = this.#key.subarray(0, 16)
  }

  /** The message inside; `undefined`, whatever is wrong, unless all of it is as `seal` makes it for this `receiveId`. */
  open(encrypt: string, receiveId: string): string | undefined {
    const sealed = Buffer.from(encrypt, 'base64')
    if (sealed.length === 0 || sealed.length % block !== 0) return undefined
    const decipher = createDecipheriv('aes-256-cbc', this.#key, this.#iv).setAutoPadding(false)
    // Whole blocks, and no padding of AES's own: nothing is left for `final`.
    return messageIn(decipher.update(sealed), receiveId)
  }

  /** `random`: 16 bytes; only tests give them. */
  seal(message: string, receiveId: string, random: Buffer = randomPrefix()): string {
    const length = Buffer.byteLength(message)
    const end = headLength + length + Buffer.byteLength(receiveId)
    const padding = block - (end % block)
    const plain = Buffer.allocUnsafe(end + padding)
    random.copy(plain, 0, 0, 16)
    plain.writeUInt32BE(length, 16)
    plain.write(message, headLength)
    plain.write(receiveId, headLength + length)
    plain.fill(padding, end)
    const cipher = createCipheriv('aes-256-cbc', this.#key, this.#iv).setAutoPadding(false)
    return cipher.update(plain).toString('base64')
  }
}

/** Random bytes in store: to have them one prefix at a time costs more than to encipher. */
const pool = Buffer.alloc(4096)
let used = pool.length

function randomPrefix(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += 16
  return pool.subarray(used - 16, used)
}

function messageIn(plain: Buffer, receiveId: string): string | undefined {
  const padding = plain.at(-1) ?? 0
  if (padding < 1 || padding > block) return undefined
  const end = plain.length - padding
  if (!plain.subarray(end).every((byte) => byte === padding)) return undefined
  if (end < headLength) return undefined
  const messageEnd = headLength + plain.readUInt32BE(16)
  const id = Buffer.from(receiveId)
  if (messageEnd + id.length !== end || !timingSafeEqual(plain.subarray(messageEnd, end), id)) return undefined
  return plain.toString('utf8', headLength, messageEnd)
}
