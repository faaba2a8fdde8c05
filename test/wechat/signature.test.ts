import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  cardSignature,
  handshakeSignature,
  isPlain,
  isSigned,
  jssdkSignature,
  messageSignature,
  sameSignature,
} from '../../src/wechat/signature.js'
import { Wechat } from '../../src/wechat/wechat.js'

interface Case {
  readonly id: string
  readonly expect: 'valid' | 'invalid'
  readonly input: Readonly<Record<string, string>> & { readonly values?: Readonly<Record<string, string>> }
  readonly output: Readonly<Record<string, string>>
}

function casesOf(file: string): readonly Case[] {
  const vectors: { cases: Case[] } = JSON.parse(
    readFileSync(new URL(`../vectors/${file}.json`, import.meta.url), 'utf8'),
  )
  return vectors.cases
}

function wechatWith(token: string | readonly string[]): Wechat {
  return new Wechat({ appID: 'wx0123456789abcdef', appSecret: 'f'.repeat(32), token })
}

describe('the vectors', () => {
  it.each(casesOf('handshake-signature'))('handshake $id is $expect', ({ expect: verdict, input, output }) => {
    const { token = '', timestamp = '', nonce = '' } = input
    const valid = verdict === 'valid'
    expect(handshakeSignature(token, timestamp, nonce) === output['signature']).toBe(valid)
    expect(wechatWith(token).auth({ ...input, signature: output['signature'] })).toBe(valid)
  })

  it.each(casesOf('message-signature'))('message $id is $expect', ({ expect: verdict, input, output }) => {
    const { token = '', timestamp = '', nonce = '', encrypt = '' } = input
    expect(messageSignature(token, timestamp, nonce, encrypt) === output['msgSignature']).toBe(verdict === 'valid')
  })

  it.each(casesOf('jssdk-signature'))('JS-SDK $id is $expect', ({ expect: verdict, input, output }) => {
    const { jsapiTicket = '', noncestr = '', timestamp = '', url = '' } = input
    expect(jssdkSignature(jsapiTicket, noncestr, timestamp, url) === output['signature']).toBe(verdict === 'valid')
    expect(jssdkSignature(jsapiTicket, noncestr, Number(timestamp), url) === output['signature']).toBe(
      verdict === 'valid',
    )
  })

  it.each(casesOf('card-signature'))('card $id is $expect', ({ expect: verdict, input, output }) => {
    const values = Object.values(input.values ?? {})
    expect(cardSignature(values) === output['signature']).toBe(verdict === 'valid')
    expect(cardSignature([...values, '', undefined]) === output['signature']).toBe(verdict === 'valid')
  })
})

describe('a signed query', () => {
  const timestamp = '1714036504'
  const nonce = '1514711492'
  const query = { signature: handshakeSignature('AAAAA', timestamp, nonce), timestamp, nonce }

  it('is signed with any of the tokens, while one is being replaced', () => {
    expect(isSigned(query, ['AAAAA'])).toBe(true)
    expect(isSigned(query, ['newer', 'AAAAA'])).toBe(true)
    expect(wechatWith(['AAAAA', 'older']).auth(query)).toBe(true)
    expect(isSigned(query, ['newer', 'older'])).toBe(false)
  })

  it('is not signed when there is no token', () => {
    expect(isSigned(query, [])).toBe(false)
    expect(new Wechat({ appID: 'wx0123456789abcdef', appSecret: 'f'.repeat(32) }).auth(query)).toBe(false)
  })

  const names = ['signature', 'timestamp', 'nonce'] as const
  const wrong: [string, unknown][] = [
    ['missing', undefined],
    ['null', null],
    ['empty', ''],
    ['a number', 1714036504],
    ['an object', { 0: 'a' }],
    ['an empty list', []],
    ['a list of one', ['1714036504']],
    ['repeated', ['1714036504', '1714036504']],
    ['with a space', '1714 036504'],
    ['with a line break', '1714036504\n'],
    ['with a NUL', '1714036504\0'],
    ['not ASCII', '１７１４'],
    ['longer than 128 characters', '1'.repeat(129)],
  ]

  it.each(wrong.flatMap(([what, value]) => names.map((name) => ({ name, what, value }))))(
    'is not signed when its $name is $what',
    ({ name, value }) => {
      const wronged = { ...query, [name]: value }
      // What a careless joining would have signed.
      const joined = ['AAAAA', String(wronged.timestamp), String(wronged.nonce)].sort().join('')
      const forged = createHash('sha1').update(joined).digest('hex')
      expect(isSigned(name === 'signature' ? wronged : { ...wronged, signature: forged }, ['AAAAA'])).toBe(false)
    },
  )

  it('takes values of 128 characters', () => {
    const long = '1'.repeat(128)
    const signature = handshakeSignature('AAAAA', long, nonce)
    expect(isSigned({ signature, timestamp: long, nonce }, ['AAAAA'])).toBe(true)
  })

  it('is not signed by a signature in capitals, cut off or with more behind it', () => {
    const { signature } = query
    for (const changed of [signature.toUpperCase(), signature.slice(0, -1), `${signature}0`, signature.slice(0, 8)]) {
      expect(isSigned({ ...query, signature: changed }, ['AAAAA'])).toBe(false)
    }
  })

  it('is sorted by bytes, not by a locale', () => {
    // A locale would say a, B, Z; bytes say B, Z, a.
    const bytes = createHash('sha1').update('BZa').digest('hex')
    expect(handshakeSignature('a', 'B', 'Z')).toBe(bytes)
    // UTF-16 would put the surrogates of U+1F600 before U+FF5E.
    const beyond = createHash('sha1').update('1\uff5e\u{1f600}').digest('hex')
    expect(handshakeSignature('\u{1f600}', '\uff5e', '1')).toBe(beyond)
    expect(cardSignature(['_', 'Z', 'a', '+'])).toBe(createHash('sha1').update('+Z_a').digest('hex'))
  })
})

describe('the signature for a page', () => {
  it('ends the URL at its first #', () => {
    const cut = jssdkSignature('t', 'n', 1, 'https://a.example/?q=1')
    expect(jssdkSignature('t', 'n', 1, 'https://a.example/?q=1#one#two')).toBe(cut)
    expect(jssdkSignature('t', 'n', 1, 'https://a.example/?q=2')).not.toBe(cut)
  })
})

describe('comparing secrets', () => {
  it('tells equal from unequal, whatever the lengths', () => {
    expect(sameSignature('abc', 'abc')).toBe(true)
    expect(sameSignature('', '')).toBe(true)
    for (const other of ['abd', 'ab', 'abcd', '', 'ABC']) expect(sameSignature('abc', other)).toBe(false)
  })

  it('takes one plain ASCII string for a plain value', () => {
    expect(isPlain('~!a0')).toBe(true)
    for (const other of ['', ' ', 'ä', 7, null, undefined, ['a']]) expect(isPlain(other)).toBe(false)
  })
})
