import { createCipheriv, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decryptUserData, sessionSignature, type UserData, verifyUserData } from '../../src/wechat/user-data.js'
import { newSeed, seeded } from '../support/seeded.js'

interface Case<Input, Output> {
  readonly id: string
  readonly expect: 'valid' | 'invalid'
  readonly reason?: string
  readonly input: Input
  readonly output: Output
}

type Sealed = Case<
  { readonly appid: string; readonly sessionKey: string; readonly iv: string; readonly encryptedData: string },
  { readonly plaintext: string; readonly watermark: { readonly timestamp: number } }
>

const sealedCases = casesOf<Sealed>('encrypted-data')
const signedCases = casesOf<Case<{ rawData: string; sessionKey: string }, { signature: string }>>('userdata-signature')
const hmacCases = casesOf<Case<{ sessionKey: string; body: string }, { signature: string }>>('session-hmac')

const appID = 'wx0123456789abcdef'
/** In seconds since the epoch. */
const timestamp = 1_700_000_000
const watermark = { appid: appID, timestamp }
const sessionKey = Buffer.from('a session key 16').toString('base64')
const iv = Buffer.from('an IV of 16 byte').toString('base64')
const tampered = { ok: false, reason: 'tampered' }

/** As WeChat enciphers it. */
function enciphered(text: string | Buffer, { padded = true } = {}): string {
  const cipher = createCipheriv('aes-128-cbc', Buffer.from(sessionKey, 'base64'), Buffer.from(iv, 'base64'))
  cipher.setAutoPadding(padded)
  return Buffer.concat([cipher.update(text), cipher.final()]).toString('base64')
}

function opened(encryptedData: string, { now = timestamp, maxAge = 0, key = sessionKey, vector = iv } = {}): UserData {
  return decryptUserData(key, encryptedData, vector, { appID, now: now * 1000, maxAge })
}

/** With spaces at the end, so that no padding is needed. */
function wholeBlocks(text: string): string {
  return text + ' '.repeat(16 - (Buffer.byteLength(text) % 16))
}

function openedJson(value: unknown): UserData {
  return opened(enciphered(JSON.stringify(value)))
}

function casesOf<T>(name: string): readonly T[] {
  const file = new URL(`../vectors/miniprogram-${name}.json`, import.meta.url)
  const { cases }: { cases: T[] } = JSON.parse(readFileSync(file, 'utf8'))
  return cases
}

describe('the vectors', () => {
  it('are all here', () => {
    expect([sealedCases.length, signedCases.length, hmacCases.length]).toEqual([4, signedCases.length, 3])
    expect(signedCases.length).toBeGreaterThan(3)
    for (const cases of [sealedCases, signedCases, hmacCases]) {
      expect(new Set(cases.map((one) => one.expect))).toEqual(new Set(['valid', 'invalid']))
    }
  })

  it.each(sealedCases)('of encrypted data: $id is $expect', ({ input, output, reason, ...vector }) => {
    const options = { appID: input.appid, now: timestamp * 1000, maxAge: 0 }
    const found = decryptUserData(input.sessionKey, input.encryptedData, input.iv, options)
    if (vector.expect === 'valid') {
      const data: unknown = JSON.parse(output.plaintext)
      expect(found).toEqual({ ok: true, data, timestamp: output.watermark.timestamp })
    } else {
      expect(found).toEqual({ ok: false, reason: reason === 'watermark' ? 'other-app' : 'tampered' })
    }
  })

  it.each(signedCases)('of signed data: $id is $expect', ({ input, output, ...vector }) => {
    expect(verifyUserData(input.sessionKey, input.rawData, output.signature)).toBe(vector.expect === 'valid')
  })

  it.each(hmacCases)('of a session: $id is $expect', ({ input, output, ...vector }) => {
    expect(sessionSignature(input.sessionKey, input.body) === output.signature).toBe(vector.expect === 'valid')
  })
})

describe('the watermark', () => {
  const sealed = enciphered(JSON.stringify({ phoneNumber: '13800138000', watermark }))

  it('lets data of any age through without a bound, and tells its time', () => {
    for (const now of [0, timestamp - 1e9, timestamp, timestamp + 1e9]) {
      expect(opened(sealed, { now })).toEqual({
        ok: true,
        data: { phoneNumber: '13800138000', watermark },
        timestamp,
      })
    }
  })

  it.each([
    [0, true],
    [59, true],
    [60, true],
    [60.001, false],
    [3600, false],
    [-300, true],
    [-300.001, false],
    [-3600, false],
  ])('with a bound of 60 s: data that is %d s old passes: %j', (age, passes) => {
    const found = opened(sealed, { now: timestamp + age, maxAge: 60 })
    if (passes) expect(found).toMatchObject({ ok: true, timestamp })
    else expect(found).toEqual({ ok: false, reason: 'too-old' })
  })

  it('of another app is told apart, whatever its age', () => {
    for (const appid of ['wx0123456789abcdee', '', 'WX0123456789ABCDEF', `${appID} `]) {
      const other = enciphered(JSON.stringify({ watermark: { appid, timestamp } }))
      for (const now of [timestamp, timestamp + 1000]) {
        expect(opened(other, { now, maxAge: 60 })).toEqual({ ok: false, reason: 'other-app' })
      }
    }
  })

  const broken: unknown[] = [
    {},
    { watermark: null },
    { watermark: [] },
    { watermark: [watermark] },
    { watermark: appID },
    { watermark: { timestamp } },
    { watermark: { appid: appID } },
    { watermark: { appid: [appID], timestamp } },
    { watermark: { appid: appID, timestamp: String(timestamp) } },
    { watermark: { appid: appID, timestamp: null } },
    { watermark: { appid: appID, timestamp: -1 } },
    { watermark: { appid: appID, timestamp: 1.5 } },
    { watermark: { appid: appID, timestamp: 1e300 } },
    { data: { watermark } },
    [{ watermark }],
    JSON.stringify({ watermark }),
    null,
    7,
  ]

  it.each(broken.map((value) => [JSON.stringify(value), value]))('is missing or broken in %s', (_text, value) => {
    expect(openedJson(value)).toEqual(tampered)
  })
})

describe('encrypted data', () => {
  const text = JSON.stringify({ nickName: '林😀', watermark })
  const sealed = enciphered(text)

  it('keeps all fields, known or not', () => {
    const data = { openId: 'o1', new_field: { deep: [1, 'two', null] }, watermark: { ...watermark, more: true } }
    expect(openedJson(data)).toEqual({ ok: true, data, timestamp })
  })

  it('cannot change what objects are', () => {
    const found = opened(enciphered(`{"__proto__":{"watermark":${JSON.stringify(watermark)}}}`))
    expect(found).toEqual(tampered)
  })

  it('is opened by its key alone', () => {
    expect(opened(sealed)).toMatchObject({ ok: true })
    for (let times = 0; times < 1000; times += 1) {
      expect(opened(sealed, { key: randomBytes(16).toString('base64') })).toEqual(tampered)
    }
  })

  const spoilt: [string, string][] = [
    ['is empty', ''],
    ['has a space', ` ${sealed}`],
    ['has a line break at its end', `${sealed}\n`],
    ['has one inside', `${sealed.slice(0, 76)}\n${sealed.slice(76)}`],
    ['is base64 for URLs', sealed.replaceAll('+', '-').replaceAll('/', '_')],
    ['has more behind its padding', `${enciphered(text)}=`],
    ['lacks a block', Buffer.from(sealed, 'base64').subarray(0, -16).toString('base64')],
    ['lacks a byte', Buffer.from(sealed, 'base64').subarray(0, -1).toString('base64')],
    ['has a byte more', Buffer.concat([Buffer.from(sealed, 'base64'), Buffer.from([0])]).toString('base64')],
    ['has no padding', enciphered(wholeBlocks(text), { padded: false })],
    ['is not UTF-8', enciphered(Buffer.from(text.replace('林😀', '\xff'), 'latin1'))],
    ['is not JSON', enciphered(text.slice(0, -1))],
    ['has text behind the JSON', enciphered(`${text}}`)],
    ['begins with a byte order mark', enciphered(`\uFEFF${text}`)],
    ['is not ASCII', '你好'.repeat(8)],
    ['holds a NUL', `\0${sealed}`],
  ]

  it.each(spoilt)('is tampered with when it %s', (_what, encryptedData) => {
    expect(encryptedData).not.toBe(sealed)
    expect(opened(encryptedData)).toEqual(tampered)
  })

  it('is tampered with when its last character has spare bits', () => {
    const padded = enciphered(`${text}${' '.repeat(32)}`)
    const changed = padded.replace(/([A-Za-z0-9+/])(=+)$/, (_all, last: string, end: string) => {
      return `${String.fromCharCode(last.charCodeAt(0) + 1)}${end}`
    })
    expect(changed).not.toBe(padded)
    expect(Buffer.from(changed, 'base64').equals(Buffer.from(padded, 'base64'))).toBe(true)
    expect(opened(padded)).toMatchObject({ ok: true })
    expect(opened(changed)).toEqual(tampered)
  })

  it.each(['', 'AAAA', 'A'.repeat(22), `${iv}=`, iv.replace('==', ''), `${iv}\n`, '!'.repeat(24), `${iv}${iv}`])(
    'is tampered with when its IV, or the session key, is %j',
    (other) => {
      expect(opened(sealed, { vector: other })).toEqual(tampered)
      expect(opened(sealed, { key: other })).toEqual(tampered)
    },
  )

  it('may have 65,536 characters, and no more', () => {
    const sized = (bytes: number) => enciphered(`${JSON.stringify({ watermark })}`.padEnd(bytes - 1, ' '))
    const largest = sized(49_152)
    expect(largest.length).toBe(65_536)
    expect(opened(largest)).toMatchObject({ ok: true })
    const larger = sized(49_168)
    expect(larger.length).toBeGreaterThan(65_536)
    expect(opened(larger)).toEqual(tampered)
  })

  it('may be nested as deep as it likes', () => {
    expect(opened(enciphered('['.repeat(48_000)))).toEqual(tampered)
    const deep = `{"watermark":${JSON.stringify(watermark)},"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
    expect(opened(enciphered(deep))).toMatchObject({ ok: true })
  })
})

describe('10,000 attempts', () => {
  const seed = newSeed()
  // Every block of 16 bytes holds a part of the watermark's frame, so that none can be spoilt and do no harm.
  const sealed = enciphered(JSON.stringify({ watermark }))
  const bytes = Buffer.from(sealed, 'base64')

  it(`at the data alone are all tampering (seed ${seed})`, () => {
    const random = seeded(seed)
    const below = (end: number) => Math.floor(random() * end)
    const randomBlocks = (count: number) => Buffer.from(Array.from({ length: count * 16 }, () => below(256)))
    const anyText = () => String.fromCharCode(...Array.from({ length: below(200) }, () => below(0x10000)))
    const attempts: (() => string)[] = [
      () => randomBlocks(below(20)).toString('base64'),
      () => Buffer.from(Array.from({ length: below(400) }, () => below(256))).toString('base64'),
      anyText,
      () => flippedBit(below(bytes.length * 8)).toString('base64'),
      () => changedCharacter(below(sealed.length), below(256)),
      () => sealed.slice(0, below(sealed.length)),
      () => sealed.slice(1 + below(sealed.length - 1)),
      () => Buffer.concat([bytes, randomBlocks(1 + below(3))]).toString('base64'),
      () => Buffer.concat([randomBlocks(1 + below(3)), bytes]).toString('base64'),
      () => swappedBlocks(below(bytes.length / 16), below(bytes.length / 16 - 1)),
    ]
    const found = new Set<string>()
    for (let times = 0; times < 10_000; times += 1) {
      const encryptedData = attempts[times % attempts.length]?.() ?? ''
      if (encryptedData !== sealed) found.add(JSON.stringify(opened(encryptedData, { maxAge: times % 2 })))
    }
    expect([...found]).toEqual([JSON.stringify(tampered)])
    expect(opened(sealed, { maxAge: 1 })).toMatchObject({ ok: true })
  })

  function flippedBit(bit: number): Buffer {
    const changed = Buffer.from(bytes)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return changed
  }

  function changedCharacter(at: number, code: number): string {
    return `${sealed.slice(0, at)}${String.fromCharCode(code)}${sealed.slice(at + 1)}`
  }

  function swappedBlocks(one: number, other: number): string {
    const blocks = Array.from({ length: bytes.length / 16 }, (_, n) => bytes.subarray(n * 16, n * 16 + 16))
    const [moved = Buffer.alloc(16)] = blocks.splice(one, 1)
    blocks.splice(other >= one ? other + 1 : other, 0, moved)
    return Buffer.concat(blocks).toString('base64')
  }
})

describe('signed data', () => {
  it('is refused when anything of it is changed', () => {
    const [genuine] = signedCases
    if (genuine === undefined) throw new Error('no vector')
    const { rawData, sessionKey: key } = genuine.input
    const { signature } = genuine.output
    expect(verifyUserData(key, rawData, signature)).toBe(true)
    expect(verifyUserData(key, `${rawData} `, signature)).toBe(false)
    expect(verifyUserData(key, rawData.replace('Band', 'Bane'), signature)).toBe(false)
    expect(verifyUserData(sessionKey, rawData, signature)).toBe(false)
    for (let at = 0; at < 40; at += 1) {
      const digit = signature[at] === '0' ? '1' : '0'
      expect(verifyUserData(key, rawData, `${signature.slice(0, at)}${digit}${signature.slice(at + 1)}`)).toBe(false)
    }
    for (const other of ['', signature.toUpperCase(), `${signature}0`, '界'.repeat(40), '\0'.repeat(40)]) {
      expect(verifyUserData(key, rawData, other)).toBe(false)
    }
  })

  it('may be any text', () => {
    expect(verifyUserData('', '', 'da39a3ee5e6b4b0d3255bfef95601890afd80709')).toBe(true)
    expect(verifyUserData('\ud800', '\ud800', '')).toBe(false)
  })
})
