import { messageSignature } from '../../wechat/signature.js'
import type { CallbackFormat } from '../callback-settings.js'
import type { Fields } from './fields.js'
import type { Answered } from './line.js'
import { Malformed } from './malformed.js'
import { readJSON } from './read-json.js'
import { readXML } from './read-xml.js'
import { checkReply } from './reply-shape.js'
import type { Terms } from './terms.js'

/** What WeChat makes of the answers to a push. */
export interface Verdict {
  /**
   * - `reply`: the user is shown one;
   * - `silent`: the user is shown nothing, as `success` and an empty body ask for;
   * - `unavailable`: the user is shown 该公众号提供的服务出现故障, that the account cannot serve.
   */
  result: 'reply' | 'silent' | 'unavailable'
  /** The passive reply, all values texts. An element that occurs several times is a list. */
  reply?: Fields
  /** The passive reply in clear, as it was written. */
  replyText?: string
  /** What made the account unavailable, for the developer. */
  why?: string
}

/** `user`: the openid that the message came from. */
export function verdictOn(answer: Answered, terms: Terms, user: string): Verdict {
  try {
    const clear = opened(textOf(answer), terms)
    if (isSilence(clear)) return { result: 'silent' }
    const reply = fieldsOf(clear, terms.format)
    if (terms.seal === undefined && 'Encrypt' in reply)
      throw new Malformed('is enciphered, but the account is in plain mode')
    checkReply(reply, user)
    return { result: 'reply', reply, replyText: clear }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return { result: 'unavailable', why: `The answer ${error.message}` }
  }
}

function textOf({ status, body, whole }: Answered): string {
  if (status !== 200) throw new Malformed(`has the status ${status}, not 200`)
  if (!whole) throw new Malformed('is longer than 1 MiB')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    throw new Malformed('is not UTF-8')
  }
}

/** [REPLY] What may be answered instead of a reply, in every mode in clear. */
function isSilence(text: string): boolean {
  return text === '' || text === 'success'
}

function fieldsOf(text: string, format: CallbackFormat): Fields {
  return format === 'json' ? readJSON(text) : readXML(text)
}

/** The answer in clear. Compatible mode takes it in clear as well, safe mode does not. */
function opened(text: string, { appID, token, format, seal }: Terms): string {
  if (seal === undefined || isSilence(text)) return text
  const { Encrypt, MsgSignature, TimeStamp, Nonce } = fieldsOf(text, format)
  if (Encrypt === undefined && seal.clearToo) return text
  if (Encrypt === undefined) throw new Malformed('is in clear, but the account is in safe mode')
  const values = [Encrypt, MsgSignature, TimeStamp, Nonce]
  const [encrypt = '', signature, timestamp = '', nonce = ''] = values.map((value) =>
    typeof value === 'string' ? value : '',
  )
  if (!/^\d+$/.test(timestamp)) throw new Malformed('has a TimeStamp that is no whole number')
  if (nonce === '') throw new Malformed('has no Nonce')
  if (signature !== messageSignature(token, timestamp, nonce, encrypt)) throw new Malformed('has a wrong MsgSignature')
  const clear = seal.key.open(encrypt, appID)
  if (clear === undefined)
    throw new Malformed('has an Encrypt that does not open with the EncodingAESKey and the appid')
  return clear
}
