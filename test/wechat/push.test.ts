import { describe, expect, it } from 'vitest'
import { type Mode, type Push, PushReader, type PushReaderOptions, type RefusedPush } from '../../src/wechat/push.js'
import { messageSignature } from '../../src/wechat/signature.js'
import { readXml } from '../../src/wechat/xml.js'
import { cryptoVectors, parsingVectors, signatureVectors, valueAt } from '../support/message-vectors.js'
import {
  appID,
  deciphered,
  encodingAESKey,
  encrypted,
  encryptedQuery,
  jsonEnvelope,
  otherAESKey,
  plainQuery,
  sha1OfSorted,
  textXml,
  token,
  xmlEnvelope,
} from '../support/sealed-pushes.js'

const now = 1713424427_999

function readerWith(options: Partial<PushReaderOptions> = {}): PushReader {
  const clock = { now: () => now }
  return new PushReader({ appID, tokens: [token], encodingAESKeys: [encodingAESKey], mode: 'safe', clock, ...options })
}

function accepted(read: Push | RefusedPush): Push {
  if ('refused' in read) throw new Error(`refused: ${read.refused}`)
  return read
}

const text = textXml('hello')
const encrypt = encrypted({ message: text })

describe('the vectors', () => {
  const keyed = cryptoVectors().filter(({ input }) => input.encodingAESKey.length === 43)
  const both = keyed.flatMap((crypto) => {
    const signed = signatureVectors().filter(({ input }) => input.encrypt === crypto.input.encrypt)
    return signed.map((signature) => ({ id: signature.id, crypto, signature }))
  })

  it('hold whole pushes', () => {
    const pushes = both.filter(({ crypto, signature }) => crypto.expect === 'valid' && signature.expect === 'valid')
    // The encrypted echostr is no message.
    expect(pushes.map(({ id }) => id)).toEqual([
      'official-json-push',
      'tencent-sample-message',
      'tencent-sample-echostr',
      'wechatpy-message',
    ])
  })

  it.each(both)('$id is read, or refused, whole', ({ id, crypto, signature }) => {
    const { token: secret, timestamp, nonce } = signature.input
    const { encodingAESKey: key, receiveId } = crypto.input
    const query = { msg_signature: signature.output.msgSignature, timestamp, nonce }
    for (const mode of ['safe', 'compatible'] as const) {
      const reader = readerWith({ appID: receiveId, tokens: [secret], encodingAESKeys: [key], mode })
      for (const envelope of [xmlEnvelope, jsonEnvelope]) {
        const read = reader.read(query, envelope(signature.input.encrypt))
        if (signature.expect === 'invalid') expect(read).toEqual({ refused: 'signature' })
        else if (crypto.expect === 'invalid') expect(read).toEqual({ refused: 'undecipherable' })
        else if (id === 'tencent-sample-echostr') expect(read).toEqual({ refused: 'malformed' })
        else {
          if (crypto.output.message !== undefined) expect(accepted(read).text).toBe(crypto.output.message)
          for (const part of crypto.output.contains ?? []) expect(accepted(read).text).toContain(part)
          expect(accepted(read).format).toBe(id === 'official-json-push' ? 'json' : 'xml')
        }
      }
    }
  })

  it.each(signatureVectors())(
    'the signature of $id is judged as it should be',
    ({ expect: verdict, input, output }) => {
      const query = { msg_signature: output.msgSignature, timestamp: input.timestamp, nonce: input.nonce }
      const read = readerWith({ tokens: [input.token] }).read(query, xmlEnvelope(input.encrypt))
      // The keys are others, so one that is signed well is refused by the next layer.
      expect(read).toEqual({ refused: verdict === 'valid' ? 'undecipherable' : 'signature' })
    },
  )

  it.each(parsingVectors())('$id is read in every mode', ({ id, format, input, output }) => {
    const sealed = encrypted({ message: input.raw })
    const whole: [Mode, Readonly<Record<string, unknown>>, string][] = [
      ['plain', plainQuery(), input.raw],
      ['safe', encryptedQuery(sealed), xmlEnvelope(sealed)],
      ['safe', encryptedQuery(sealed), jsonEnvelope(sealed)],
      ['compatible', encryptedQuery(sealed), xmlEnvelope(sealed)],
      ['compatible', encryptedQuery(sealed), jsonEnvelope(sealed)],
    ]
    for (const [mode, query, body] of whole) {
      const read = readerWith({ mode }).read(query, body)
      // The ticket of a third-party platform is no message of an account.
      if (id === 'component-verify-ticket') expect(read).toEqual({ refused: 'malformed' })
      else {
        expect(accepted(read)).toMatchObject({ text: input.raw, format })
        const { Event, MsgType } = output.fields
        for (const [name, value] of Object.entries({ Event, MsgType })) {
          if (value !== undefined) expect(valueAt(accepted(read).message, name)).toBe(value)
        }
      }
    }
  })
})

describe('a push in plain mode', () => {
  const reader = readerWith({ mode: 'plain', encodingAESKeys: [] })

  it('is read, and its reply stays as it is', () => {
    const push = accepted(reader.read(plainQuery(), text))
    expect(push).toMatchObject({ message: { MsgType: 'text', Content: 'hello', MsgId: '4561255354251345929' }, text })
    expect(push.seal('<xml>reply</xml>')).toBe('<xml>reply</xml>')
  })

  it('is read with a byte order mark or white space before it', () => {
    for (const before of ['\uFEFF', '\n ', '\uFEFF\n', '<?xml version="1.0"?>\n']) {
      expect(accepted(reader.read(plainQuery(), before + text)).format).toBe('xml')
    }
    const json = '{"ToUserName":"a","FromUserName":"b","CreateTime":1,"MsgType":"text","Content":"c","MsgId":2}'
    for (const before of ['', '\uFEFF', '\n ']) {
      expect(accepted(reader.read(plainQuery(), before + json)).format).toBe('json')
    }
  })

  it('may say encrypt_type=aes or raw: the mode is the account’s', () => {
    for (const encrypt_type of ['aes', 'raw', '', ['aes', 'raw']]) {
      expect(accepted(reader.read({ ...plainQuery(), encrypt_type }, text)).message.MsgType).toBe('text')
    }
  })

  it('is no message when it is encrypted', () => {
    const withKey = readerWith({ mode: 'plain' })
    expect(withKey.read(encryptedQuery(encrypt), xmlEnvelope(encrypt))).toEqual({ refused: 'malformed' })
  })

  it('is not signed by a msg_signature', () => {
    const query = encryptedQuery(encrypt)
    expect(reader.read({ ...query, signature: query['msg_signature'] }, text)).toEqual({ refused: 'signature' })
    expect(reader.read({ ...query, signature: undefined }, text)).toEqual({ refused: 'signature' })
  })

  it('is judged by its signature first', () => {
    for (const body of ['', 'x', '<xml>', text]) expect(reader.read({}, body)).toEqual({ refused: 'signature' })
  })

  it.each(['', 'x', '{}', '[]', '{', '<xml></xml>', '<xml>hello</xml>', text.slice(0, -1), `${text}${text}`, 'null'])(
    'is no message when it says %j',
    (body) => {
      expect(reader.read(plainQuery(), body)).toEqual({ refused: 'malformed' })
    },
  )
})

describe.each(['safe', 'compatible'] as const)('a push in %s mode', (mode) => {
  const reader = readerWith({ mode })

  it.each([
    ['XML', 'xml', xmlEnvelope(encrypt)],
    ['JSON', 'json', jsonEnvelope(encrypt)],
    ['XML with a declaration', 'xml', `<?xml version="1.0" encoding="UTF-8"?>\n${xmlEnvelope(encrypt)}\n`],
  ])('is read from %s, and its reply is enciphered', (_name, format, body) => {
    const query = encryptedQuery(encrypt)
    const push = accepted(reader.read(query, body))
    expect(push).toMatchObject({ message: { MsgType: 'text', Content: 'hello' }, text, format: 'xml' })
    const answer = push.seal('<xml>]]> 你好</xml>')
    const envelope: unknown = format === 'json' ? JSON.parse(answer) : readXml(answer)
    const sealed = String(valueAt(envelope, 'Encrypt'))
    const timeStamp = valueAt(envelope, 'TimeStamp')
    // [MPPUSH] In JSON it is a number.
    expect(timeStamp).toBe(format === 'json' ? 1713424427 : '1713424427')
    expect(valueAt(envelope, 'Nonce')).toBe(query.nonce)
    expect(valueAt(envelope, 'MsgSignature')).toBe(sha1OfSorted(token, '1713424427', query.nonce, sealed))
    expect(deciphered(sealed).subarray(20).toString()).toContain(`<xml>]]> 你好</xml>${appID}`)
  })

  it('answers in the documented form', () => {
    const answer = accepted(reader.read(encryptedQuery(encrypt), xmlEnvelope(encrypt))).seal('<xml/>')
    expect(answer).toMatch(
      /^<xml><Encrypt><!\[CDATA\[[A-Za-z0-9+/=]+\]\]><\/Encrypt><MsgSignature><!\[CDATA\[[0-9a-f]{40}\]\]><\/MsgSignature><TimeStamp>1713424427<\/TimeStamp><Nonce><!\[CDATA\[415670741\]\]><\/Nonce><\/xml>$/,
    )
  })

  it('is refused in clear, whatever the query says', () => {
    for (const more of [{}, { encrypt_type: 'raw' }, { encrypt_type: 'aes' }, { encrypt_type: undefined }]) {
      expect(reader.read({ ...plainQuery(), ...more }, text)).toEqual({ refused: 'not-encrypted' })
      expect(reader.read({ ...plainQuery(), ...more, signature: 'f'.repeat(40) }, text)).toEqual({
        refused: 'signature',
      })
      const withBoth = { ...encryptedQuery(encrypt), ...more }
      expect(reader.read(withBoth, text)).toEqual({ refused: 'not-encrypted' })
    }
    // Not even signed with the Token over what an Encrypt that is missing could be taken for.
    for (const missing of ['', 'undefined', 'null']) {
      const query = { ...plainQuery(), msg_signature: messageSignature(token, '1714112445', '415670741', missing) }
      expect(reader.read(query, text)).toEqual({ refused: 'not-encrypted' })
      const bare = { ...plainQuery(), msg_signature: sha1OfSorted(token, '1714112445', '415670741') }
      expect(reader.read(bare, text)).toEqual({ refused: 'not-encrypted' })
    }
  })

  it('may say encrypt_type=raw or nothing of it: the mode is the account’s', () => {
    for (const encrypt_type of ['raw', undefined, ['aes', 'raw']]) {
      const read = reader.read({ ...encryptedQuery(encrypt), encrypt_type }, xmlEnvelope(encrypt))
      expect(accepted(read).text).toBe(text)
    }
  })

  it('is not signed by the signature, which does not cover the body', () => {
    const { msg_signature: _left, ...query } = encryptedQuery(encrypt)
    expect(reader.read(query, xmlEnvelope(encrypt))).toEqual({ refused: 'signature' })
    const swapped = { ...query, msg_signature: query['signature'] }
    expect(reader.read(swapped, xmlEnvelope(encrypt))).toEqual({ refused: 'signature' })
  })

  it('needs no signature beside msg_signature', () => {
    const { signature: _left, ...query } = encryptedQuery(encrypt)
    expect(accepted(reader.read(query, xmlEnvelope(encrypt))).text).toBe(text)
    expect(accepted(reader.read({ ...query, signature: 'wrong' }, xmlEnvelope(encrypt))).text).toBe(text)
  })

  it('is what was enciphered, whatever stands beside it in clear', () => {
    const lies = textXml('lies')
      .replace('<xml>', '')
      .replace('</xml>', '')
      .replace(/<ToUserName>.*?<\/ToUserName>/, '')
    const xml = reader.read(encryptedQuery(encrypt), xmlEnvelope(encrypt, lies))
    expect(accepted(xml)).toMatchObject({ message: { Content: 'hello', FromUserName: 'o9AgO5Kd5ggOC' }, text })
    const json = reader.read(
      encryptedQuery(encrypt),
      jsonEnvelope(encrypt, { MsgType: 'event', Content: 'lies', FromUserName: 'thief' }),
    )
    expect(accepted(json)).toMatchObject({ message: { MsgType: 'text', Content: 'hello' }, text })
  })

  it.each([
    ['two Encrypt', xmlEnvelope(encrypt, `<Encrypt><![CDATA[${encrypt}]]></Encrypt>`)],
    ['Encrypt inside another element', `<xml><a><Encrypt>${encrypt}</Encrypt></a></xml>`],
    ['elements in Encrypt', `<xml><Encrypt><a>${encrypt}</a></Encrypt></xml>`],
    ['encrypt in small letters', `<xml><encrypt>${encrypt}</encrypt></xml>`],
    ['a list in JSON', JSON.stringify({ Encrypt: [encrypt] })],
    ['an Encrypt that is inherited', `{"__proto__": {"Encrypt": "${encrypt}"}}`],
    ['a DOCTYPE', `<!DOCTYPE a [<!ENTITY e "${encrypt}">]><xml><Encrypt>&e;</Encrypt></xml>`],
    ['nothing', ''],
    ['half of it', xmlEnvelope(encrypt).slice(0, 200)],
  ])('is not encrypted when it has %s', (_what, body) => {
    expect(reader.read(encryptedQuery(encrypt), body)).toEqual({ refused: 'not-encrypted' })
  })

  it('is refused when it is no message inside', () => {
    for (const message of ['', 'hello', '{}', '<xml></xml>', '<xml><MsgType>text</MsgType></xml>', text.slice(0, -1)]) {
      const sealed = encrypted({ message })
      expect(reader.read(encryptedQuery(sealed), xmlEnvelope(sealed))).toEqual({ refused: 'malformed' })
    }
  })

  it('is refused when it is for another account', () => {
    const sealed = encrypted({ message: text, receiveId: 'wx0123456789abcdef' })
    expect(reader.read(encryptedQuery(sealed), xmlEnvelope(sealed))).toEqual({ refused: 'undecipherable' })
  })

  it('is refused when the account has no Token or no key', () => {
    const query = encryptedQuery(encrypt)
    const bare = { ...query, msg_signature: sha1OfSorted('', query.timestamp, query.nonce, encrypt) }
    const noToken = readerWith({ mode, tokens: [] })
    expect(noToken.read(query, xmlEnvelope(encrypt))).toEqual({ refused: 'signature' })
    expect(noToken.read(bare, xmlEnvelope(encrypt))).toEqual({ refused: 'signature' })
    const noKey = readerWith({ mode, encodingAESKeys: [] })
    expect(noKey.read(query, xmlEnvelope(encrypt))).toEqual({ refused: 'undecipherable' })
  })

  const names = ['msg_signature', 'timestamp', 'nonce'] as const
  const wrong: [string, (value: unknown) => unknown][] = [
    ['missing', () => undefined],
    ['null', () => null],
    ['empty', () => ''],
    ['in a list', (value) => [value]],
    ['repeated', (value) => [value, value]],
    ['an object', (value) => ({ value })],
    ['a number', () => 1714112445],
    ['longer than 128 characters', () => '1'.repeat(129)],
    ['with a line break', (value) => `${value}\n`],
    ['not ASCII', () => '１'],
  ]

  it.each(wrong.flatMap(([what, change]) => names.map((name) => ({ name, what, change }))))(
    'is not signed when its $name is $what',
    ({ name, change }) => {
      const query = encryptedQuery(encrypt)
      const wronged = { ...query, [name]: change(query[name]) }
      // Signed as a careless joining would have it.
      const forged = sha1OfSorted(token, String(wronged.timestamp), String(wronged.nonce), encrypt)
      const tried = name === 'msg_signature' ? wronged : { ...wronged, msg_signature: forged }
      expect(reader.read(tried, xmlEnvelope(encrypt))).toEqual({ refused: 'signature' })
    },
  )

  describe('while Token and key are being replaced', () => {
    const sealed = encrypted({ message: text, key: otherAESKey })

    it.each([
      { first: 'newer', by: token, key: encodingAESKey, body: encrypt },
      { first: 'older', by: 'older', key: otherAESKey, body: sealed },
      { first: 'newer Token, older key', by: token, key: otherAESKey, body: sealed },
      { first: 'older Token, newer key', by: 'older', key: encodingAESKey, body: encrypt },
    ])('is read with the $first, and answered with the same', ({ by, key, body }) => {
      const both = readerWith({ mode, tokens: [token, 'older'], encodingAESKeys: [encodingAESKey, otherAESKey] })
      const query = encryptedQuery(body, { token: by })
      const push = accepted(both.read(query, xmlEnvelope(body)))
      expect(push.text).toBe(text)
      const answer = readXml(push.seal('answer'))
      const encryptOut = String(answer?.['Encrypt'])
      expect(answer?.['MsgSignature']).toBe(sha1OfSorted(by, '1713424427', query.nonce, encryptOut))
      expect(deciphered(encryptOut, key).subarray(20).toString()).toContain(`answer${appID}`)
    })

    it('is refused with neither', () => {
      const both = readerWith({ mode, tokens: [token, 'older'], encodingAESKeys: [encodingAESKey] })
      const query = encryptedQuery(encrypt, { token: 'oldest' })
      expect(both.read(query, xmlEnvelope(encrypt))).toEqual({ refused: 'signature' })
      expect(both.read(encryptedQuery(sealed), xmlEnvelope(sealed))).toEqual({ refused: 'undecipherable' })
    })
  })
})
