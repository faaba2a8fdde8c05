import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/** Made without the code under test, after PROTOCOL 2.2. */
export const appID = 'wxba5fad812f8e6fb9'
export const token = 'Tk0pushes'
export const encodingAESKey = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'
export const otherAESKey = 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR'

export interface PlainParts {
  /** 16 bytes. */
  readonly random?: Buffer
  readonly message: string
  /** What the length field says. */
  readonly length?: number
  readonly receiveId?: string
  /** Follows; instead of PKCS#7 to 32 bytes. */
  readonly padding?: (unpadded: number) => Buffer
  readonly key?: string
}

export function pkcs7(unpadded: number, block = 32): Buffer {
  const padding = block - (unpadded % block)
  return Buffer.alloc(padding, padding)
}

/** `Encrypt`, right or wrong in each of its parts. */
export function encrypted(parts: PlainParts): string {
  const { random = randomBytes(16), message, receiveId = appID, padding = pkcs7, key = encodingAESKey } = parts
  const content = Buffer.from(message)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(parts.length ?? content.length)
  const unpadded = Buffer.concat([random, head, content, Buffer.from(receiveId)])
  return enciphered(Buffer.concat([unpadded, padding(unpadded.length)]), key)
}

export function enciphered(plain: Buffer, key = encodingAESKey): string {
  const bytes = Buffer.from(`${key}=`, 'base64')
  const cipher = createCipheriv('aes-256-cbc', bytes, bytes.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64')
}

export function deciphered(encrypt: string, key = encodingAESKey): Buffer {
  const bytes = Buffer.from(`${key}=`, 'base64')
  const decipher = createDecipheriv('aes-256-cbc', bytes, bytes.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([decipher.update(encrypt, 'base64'), decipher.final()])
}

export function sha1OfSorted(...values: readonly string[]): string {
  return createHash('sha1').update(values.toSorted().join('')).digest('hex')
}

export interface SignedBy {
  readonly token?: string
  readonly timestamp?: string
  readonly nonce?: string
}

export type PushQuery = Readonly<Record<string, unknown>> & { readonly timestamp: string; readonly nonce: string }

/** The query of an encrypted push: both signatures, as WeChat sends them. */
export function encryptedQuery(encrypt: string, by: SignedBy = {}): PushQuery {
  const { token: secret = token, timestamp = '1714112445', nonce = '415670741' } = by
  return {
    ...plainQuery(by),
    encrypt_type: 'aes',
    msg_signature: sha1OfSorted(secret, timestamp, nonce, encrypt),
  }
}

/** The query of a push in clear. */
export function plainQuery({ token: secret = token, timestamp = '1714112445', nonce = '415670741' }: SignedBy = {}) {
  return { signature: sha1OfSorted(secret, timestamp, nonce), timestamp, nonce, openid: 'o9AgO5Kd5ggOC' }
}

export function xmlEnvelope(encrypt: string, more = ''): string {
  return `<xml><ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName>${more}<Encrypt><![CDATA[${encrypt}]]></Encrypt></xml>`
}

export function jsonEnvelope(encrypt: string, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ToUserName: 'gh_97417a04a28d', ...more, Encrypt: encrypt })
}

export function textXml(content: string): string {
  return (
    `<xml><ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName><FromUserName><![CDATA[o9AgO5Kd5ggOC]]></FromUserName>` +
    `<CreateTime>1714112445</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[${content}]]></Content>` +
    `<MsgId>4561255354251345929</MsgId></xml>`
  )
}
