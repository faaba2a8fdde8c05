import type { Clock } from './clock.js'
import { EnvelopeKey } from './envelope.js'
import { readJsonFields } from './json-fields.js'
import { type Message, readMessage } from './message.js'
import { isPlain, isSigned, messageSignature, sameSignature } from './signature.js'
import { type Fields, readXml, writeXml } from './xml.js'

/** How WeChat sends pushes: [PUSH] clear, clear and enciphered together (`compatible`), or enciphered. */
export type Mode = 'plain' | 'compatible' | 'safe'

export type PushFormat = 'xml' | 'json'

/** A message and how it was written. */
export interface ReadMessage {
  readonly message: Message
  /** The message in clear, exactly as WeChat wrote it. */
  readonly text: string
  readonly format: PushFormat
}

/** A push that WeChat sent, as its signature shows. */
export interface Push extends ReadMessage {
  /** A reply as the account's mode asks for it: as it is, or enciphered and signed with the key and the Token of this push. */
  seal(reply: string): string
}

/**
 * Why a push was refused:
 * - `signature`: none of the account's Tokens signed it;
 * - `not-encrypted`: the account's mode asks for an enciphered body, and this is none;
 * - `undecipherable`: no EncodingAESKey of the account opens it, or it is for another appID;
 * - `malformed`: it is no message in XML or JSON.
 */
export type RefusalReason = 'signature' | 'not-encrypted' | 'undecipherable' | 'malformed'

export interface RefusedPush {
  readonly refused: RefusalReason
}

export interface PushReaderOptions {
  readonly appID: string
  /** Newest first. */
  readonly tokens: readonly string[]
  /** Newest first. */
  readonly encodingAESKeys: readonly string[]
  readonly mode: Mode
  readonly clock: Pick<Clock, 'now'>
}

/** Reads the pushes of one account. The mode is the account's, whatever a request says of itself. */
export class PushReader {
  readonly #appID: string
  readonly #tokens: readonly string[]
  readonly #keys: readonly EnvelopeKey[]
  readonly #mode: Mode
  readonly #clock: Pick<Clock, 'now'>

  constructor({ appID, tokens, encodingAESKeys, mode, clock }: PushReaderOptions) {
    this.#appID = appID
    this.#tokens = tokens
    this.#keys = encodingAESKeys.map((key) => new EnvelopeKey(key))
    this.#mode = mode
    this.#clock = clock
  }

  /** Checks who sent it first, and only then what it says. */
  read(query: Readonly<Record<string, unknown>>, body: string): Push | RefusedPush {
    return this.#mode === 'plain' ? this.#readPlain(query, body) : this.#readEncrypted(query, body)
  }

  #readPlain(query: Readonly<Record<string, unknown>>, body: string): Push | RefusedPush {
    if (!isSigned(query, this.#tokens)) return { refused: 'signature' }
    return pushOf(body, (reply) => reply)
  }

  /** [ENC] `msg_signature` covers the ciphertext; `signature` does not cover the body, so it proves nothing here. */
  #readEncrypted(query: Readonly<Record<string, unknown>>, body: string): Push | RefusedPush {
    const { msg_signature: signature, timestamp, nonce } = query
    const format = formatOf(body)
    const encrypt = fieldsOf(body, format)?.['Encrypt']
    // As a console sends that is set to plain mode.
    if (encrypt === undefined && isSigned(query, this.#tokens)) return { refused: 'not-encrypted' }
    if (!isPlain(signature) || !isPlain(timestamp) || !isPlain(nonce)) return { refused: 'signature' }
    if (typeof encrypt !== 'string') return { refused: 'not-encrypted' }
    const token = this.#tokens.find((own) => sameSignature(messageSignature(own, timestamp, nonce, encrypt), signature))
    if (token === undefined) return { refused: 'signature' }
    for (const key of this.#keys) {
      const text = key.open(encrypt, this.#appID)
      if (text === undefined) continue
      return pushOf(text, (reply) => this.#envelope({ encrypt: key.seal(reply, this.#appID), token, nonce, format }))
    }
    return { refused: 'undecipherable' }
  }

  /** [MPPUSH] `TimeStamp` is our own clock's, `Nonce` the push's. */
  #envelope({ encrypt, token, nonce, format }: { encrypt: string; token: string; nonce: string; format: PushFormat }) {
    const timestamp = Math.floor(this.#clock.now() / 1000)
    const signature = messageSignature(token, String(timestamp), nonce, encrypt)
    const envelope = { Encrypt: encrypt, MsgSignature: signature, TimeStamp: timestamp, Nonce: nonce }
    return format === 'json' ? JSON.stringify(envelope) : writeXml(envelope)
  }
}

function pushOf(text: string, seal: Push['seal']): Push | RefusedPush {
  const read = readMessageText(text)
  if (read === undefined) return { refused: 'malformed' }
  return { message: read.message, text, format: read.format, seal }
}

/** The message in a text that WeChat wrote; `undefined` if there is none. */
export function readMessageText(text: string): ReadMessage | undefined {
  const format = formatOf(text)
  const fields = fieldsOf(text, format)
  const message = fields === undefined ? undefined : readMessage(fields)
  return message === undefined ? undefined : { message, text, format }
}

function formatOf(text: string): PushFormat {
  return !text.startsWith('<') && /^\uFEFF?\s*\{/.test(text) ? 'json' : 'xml'
}

function fieldsOf(text: string, format: PushFormat): Fields | undefined {
  return format === 'json' ? readJsonFields(text) : readXml(text)
}
