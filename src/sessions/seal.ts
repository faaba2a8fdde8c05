import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const algorithm = 'aes-256-gcm'
const ivLength = 12
const tagLength = 16

/** Enciphers a text with a key of 32 bytes: iv, ciphertext and tag in base64url. It opens only with the same `about`. */
export function seal(key: Buffer, text: string, about: string): string {
  const iv = randomBytes(ivLength)
  const cipher = createCipheriv(algorithm, key, iv).setAAD(Buffer.from(about))
  return Buffer.concat([iv, cipher.update(packed(text)), cipher.final(), cipher.getAuthTag()]).toString('base64url')
}

/** The text, or undefined if this key or this `about` did not seal it. */
export function unseal(key: Buffer, sealed: string, about: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < ivLength + tagLength) return undefined
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivLength), { authTagLength: tagLength })
  decipher.setAAD(Buffer.from(about)).setAuthTag(bytes.subarray(-tagLength))
  try {
    return unpacked(Buffer.concat([decipher.update(bytes.subarray(ivLength, -tagLength)), decipher.final()]))
  } catch {
    return undefined
  }
}

/** Base64, such as a session_key is, as the bytes that it stands for, after a 1; any other text after a 0. */
function packed(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  const isBase64 = bytes.toString('base64') === text
  return Buffer.concat([Buffer.of(isBase64 ? 1 : 0), isBase64 ? bytes : Buffer.from(text)])
}

function unpacked(bytes: Buffer): string {
  return bytes.toString(bytes[0] === 1 ? 'base64' : 'utf8', 1)
}
