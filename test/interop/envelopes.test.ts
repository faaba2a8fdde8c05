import fc from 'fast-check'
import { OfficialAccount } from 'node-easywechat'
import { describe, expect, it } from 'vitest'
import { EnvelopeKey } from '../../src/wechat/envelope.js'
import { PushReader } from '../../src/wechat/push.js'
import { messageSignature } from '../../src/wechat/signature.js'
import { readXml } from '../../src/wechat/xml.js'
import { appID, encodingAESKey, textXml, token, xmlEnvelope } from '../support/sealed-pushes.js'
import { WechatCrypto } from './wechat-crypto.js'

const own = new EnvelopeKey(encodingAESKey)
const cryptor = new WechatCrypto(token, encodingAESKey, appID)
const encryptor = new OfficialAccount({ app_id: appID, token, aes_key: encodingAESKey }).getEncryptor()
const text = fc.string({ unit: 'binary', maxLength: 300 })
const stamp = { timestamp: '1714112445', nonce: '415670741' }

const sdks = [
  {
    sdk: 'wechat-crypto',
    seal: (message: string) => cryptor.encrypt(message),
    open: (encrypt: string) => cryptor.decrypt(encrypt).message,
    sign: (encrypt: string) => cryptor.getSignature(stamp.timestamp, stamp.nonce, encrypt),
  },
  {
    sdk: 'node-easywechat',
    seal: (message: string) => String(readXml(encryptor.encrypt(message))?.['Encrypt']),
    open: (encrypt: string) => encryptor.decrypt(encrypt, signed(encrypt), stamp.nonce, Number(stamp.timestamp)),
    sign: (encrypt: string) => encryptor.createSignature(token, stamp.timestamp, stamp.nonce, encrypt),
  },
] as const

describe.each(sdks)('the envelope of $sdk and ours', ({ seal, open, sign }) => {
  it('open what the other sealed', () => {
    fc.assert(
      fc.property(text, (message) => {
        expect(own.open(seal(message), appID)).toBe(message)
        expect(open(own.seal(message, appID))).toBe(message)
      }),
    )
  })

  it('sign alike', () => {
    fc.assert(
      fc.property(fc.base64String(), (encrypt) => {
        expect(sign(encrypt)).toBe(signed(encrypt))
      }),
    )
  })

  it('a push that it sealed is read, and it opens the reply', () => {
    const clock = { now: () => 1_714_112_445_000 }
    const reader = new PushReader({ appID, tokens: [token], encodingAESKeys: [encodingAESKey], mode: 'safe', clock })
    const message = textXml('你好 ]]&gt;')
    const encrypt = seal(message)
    const push = reader.read({ ...stamp, encrypt_type: 'aes', msg_signature: sign(encrypt) }, xmlEnvelope(encrypt))
    if ('refused' in push) throw new Error(push.refused)
    expect(push.text).toBe(message)
    const answer = readXml(push.seal('<xml>reply</xml>'))
    const { Encrypt, MsgSignature, TimeStamp, Nonce } = { ...answer }
    expect(open(String(Encrypt))).toBe('<xml>reply</xml>')
    expect([TimeStamp, Nonce, MsgSignature]).toEqual([stamp.timestamp, stamp.nonce, sign(String(Encrypt))])
  })
})

function signed(encrypt: string): string {
  return messageSignature(token, stamp.timestamp, stamp.nonce, encrypt)
}
