import { describe, expect, it } from 'vitest'
import { EnvelopeKey } from '../../src/wechat/envelope.js'
import { cryptoVectors } from '../support/message-vectors.js'
import {
  appID,
  deciphered,
  enciphered,
  encodingAESKey,
  encrypted,
  otherAESKey,
  pkcs7,
} from '../support/sealed-pushes.js'
import { newSeed, seeded } from '../support/seeded.js'

const message = '<xml><Content><![CDATA[你好😀]]></Content></xml>'

describe('the vectors', () => {
  const valid = cryptoVectors().filter((vector) => vector.expect === 'valid')
  const invalid = cryptoVectors().filter((vector) => vector.expect === 'invalid')

  it('are all here', () => {
    expect([valid.length, invalid.length]).toEqual([7, 4])
  })

  it.each(valid.filter(({ operation }) => operation === 'decrypt'))('opens $id', ({ input, output }) => {
    const opened = new EnvelopeKey(input.encodingAESKey).open(input.encrypt ?? '', input.receiveId)
    if (output.message !== undefined) expect(opened).toBe(output.message)
    for (const part of output.contains ?? []) expect(opened).toContain(part)
    expect(opened).not.toBe(undefined)
  })

  it.each(valid.filter(({ operation }) => operation === 'encrypt'))('seals $id', ({ input, output }) => {
    const { encodingAESKey: key, receiveId, message: text = '', random16 = '' } = input
    const envelope = new EnvelopeKey(key)
    expect(envelope.seal(text, receiveId, Buffer.from(random16))).toBe(output.encrypt)
    expect(envelope.open(output.encrypt ?? '', receiveId)).toBe(text)
  })

  it.each(invalid)('refuses $id', ({ input }) => {
    const open = () => new EnvelopeKey(input.encodingAESKey).open(input.encrypt ?? '', input.receiveId)
    if (input.encodingAESKey.length === 43) expect(open()).toBe(undefined)
    else expect(open).toThrow(TypeError)
  })
})

describe('an EncodingAESKey', () => {
  it('is 43 letters and digits, with any last character', () => {
    for (const last of 'AZaz09BC') expect(() => new EnvelopeKey(`${'A'.repeat(42)}${last}`)).not.toThrow()
    const same = new EnvelopeKey(`${encodingAESKey.slice(0, 42)}D`)
    expect(same.open(encrypted({ message }), appID)).toBe(message)
  })

  it.each(['', 'A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}=`, `${'A'.repeat(42)}+`, `${'A'.repeat(43)}\n`])(
    'is refused, and not told, when it is %j',
    (key) => {
      expect(() => new EnvelopeKey(key)).toThrow(new TypeError('an EncodingAESKey must be 43 letters and digits'))
    },
  )
})

describe('an envelope', () => {
  const key = new EnvelopeKey(encodingAESKey)
  const seed = newSeed()

  it(`gives back messages of every length from 0 to 200 bytes (seed ${seed})`, () => {
    const random = seeded(seed)
    const alphabet = ['a', '\0', '\n', '<', '界', '😀', 'ß']
    const paddings = new Set<number>()
    for (let length = 0; length <= 200; length += 1) {
      const ascii = 'x'.repeat(length)
      const mixed = Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')
      for (const text of [ascii, mixed]) {
        const sealed = key.seal(text, appID)
        expect(key.open(sealed, appID)).toBe(text)
        expect(key.open(encrypted({ message: text }), appID)).toBe(text)
        expectLayout(deciphered(sealed), text)
        paddings.add(deciphered(sealed).at(-1) ?? 0)
      }
    }
    expect([...paddings].sort((a, b) => a - b)).toEqual(Array.from({ length: 32 }, (_, n) => n + 1))
  })

  function expectLayout(plain: Buffer, text: string): void {
    const content = Buffer.from(text)
    expect(plain.readUInt32BE(16)).toBe(content.length)
    const unpadded = Buffer.concat([plain.subarray(0, 20), content, Buffer.from(appID)])
    expect(plain.equals(Buffer.concat([unpadded, pkcs7(unpadded.length)]))).toBe(true)
  }

  it('is another each time', () => {
    const sealed = Array.from({ length: 100 }, () => key.seal(message, appID))
    expect(new Set(sealed).size).toBe(100)
    expect(new Set(sealed.map((one) => deciphered(one).toString('hex', 0, 16))).size).toBe(100)
  })

  it('holds messages of any size', () => {
    const large = '界'.repeat(200_000)
    expect(key.open(key.seal(large, appID), appID)).toBe(large)
  })

  it('is for one appID', () => {
    const sealed = encrypted({ message })
    for (const other of ['', appID.slice(0, -1), `${appID}a`, `${appID.slice(0, -1)}a`, appID.toUpperCase()]) {
      expect(key.open(sealed, other)).toBe(undefined)
      expect(key.open(encrypted({ message, receiveId: other }), appID)).toBe(undefined)
      expect(key.open(encrypted({ message, receiveId: other }), other)).toBe(message)
    }
  })

  it('does not take a part of the message for the appID', () => {
    // The length says one byte less or more, and what is left is still the appID's length or ends like it.
    expect(key.open(encrypted({ message: `${message}${appID}`, receiveId: '' }), appID)).toBe(undefined)
    expect(key.open(encrypted({ message, receiveId: `${appID}${appID}` }), appID)).toBe(undefined)
  })

  it('is opened by one key', () => {
    expect(key.open(encrypted({ message, key: otherAESKey }), appID)).toBe(undefined)
  })

  it.each([0, 1, -1, 18, -18, 0x7fffffff, 0x80000000, 0xffffffff])('is refused when its length is off by %d', (off) => {
    const length = (Buffer.byteLength(message) + off) >>> 0
    expect(key.open(encrypted({ message, length }), appID)).toBe(off === 0 ? message : undefined)
  })

  const paddings: [string, (unpadded: number) => Buffer][] = [
    ['is of another byte somewhere', (unpadded) => spoilt(pkcs7(unpadded), 0)],
    ['says 0', (unpadded) => Buffer.alloc(pkcs7(unpadded).length, 0)],
    ['says 33, and is a block longer', (unpadded) => Buffer.alloc(pkcs7(unpadded).length + 32, 33)],
    ['says 60, and is as long', (unpadded) => Buffer.alloc(pkcs7(unpadded).length + 32, pkcs7(unpadded).length + 32)],
    ['says 255', (unpadded) => Buffer.alloc(pkcs7(unpadded).length, 255)],
    ['is one block too much', (unpadded) => Buffer.concat([pkcs7(unpadded), pkcs7(0)])],
    ['says more than there is', (unpadded) => Buffer.alloc(pkcs7(unpadded).length, pkcs7(unpadded).length + 1)],
    ['says less than there is', (unpadded) => Buffer.alloc(pkcs7(unpadded).length, pkcs7(unpadded).length - 1)],
  ]

  function spoilt(bytes: Buffer, at: number): Buffer {
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return bytes
  }

  it.each(paddings)('is refused when its padding %s', (_what, padding) => {
    // 20 + 30 + 18 bytes: 28 of padding, so that no wrong one is right by chance.
    const text = 'x'.repeat(30)
    expect(key.open(encrypted({ message: text }), appID)).toBe(text)
    expect(key.open(encrypted({ message: text, padding }), appID)).toBe(undefined)
  })

  it('is refused when it has no padding', () => {
    const receiveId = `${appID}\0`
    const unpadded = 20 + 25 + receiveId.length
    expect(unpadded % 32).toBe(0)
    const sealed = encrypted({ message: 'x'.repeat(25), receiveId, padding: () => Buffer.alloc(0) })
    expect(key.open(sealed, receiveId)).toBe(undefined)
    expect(key.open(encrypted({ message: 'x'.repeat(25), receiveId }), receiveId)).toBe('x'.repeat(25))
  })

  it('is refused when its padding is for blocks of 16 and its length no multiple of 32', () => {
    const text = 'x'.repeat(5)
    expect(key.open(encrypted({ message: text, padding: (unpadded) => pkcs7(unpadded, 16) }), appID)).toBe(undefined)
    expect(key.open(encrypted({ message: text }), appID)).toBe(text)
  })

  it('is refused when it is too short to hold anything', () => {
    for (let length = 0; length < 20; length += 1) {
      const plain = Buffer.concat([Buffer.alloc(length), pkcs7(length)])
      expect(key.open(enciphered(plain), '')).toBe(undefined)
    }
    expect(key.open(enciphered(Buffer.concat([Buffer.alloc(20), pkcs7(20)])), '')).toBe('')
  })

  it.each(['', ' ', '====', 'QUJD', '\0', '你好', 'A'.repeat(42), '<Encrypt/>', 'A'.repeat(44)])(
    'is refused when its text is %j',
    (text) => {
      expect(key.open(text, appID)).toBe(undefined)
    },
  )

  it('is refused whenever a bit is wrong where length, appID and padding stand', () => {
    const sealed = Buffer.from(encrypted({ message }), 'base64')
    // A flipped bit spoils its own block of 16 bytes and flips the same bit of the next: the first 4 bytes reach the length.
    const places = [...range(0, 4), ...range(16, 32), ...range(sealed.length - 32, sealed.length)]
    for (const place of places) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = Buffer.from(sealed)
        changed[place] = (changed[place] ?? 0) ^ (1 << bit)
        expect(key.open(changed.toString('base64'), appID)).toBe(undefined)
      }
    }
  })

  function range(from: number, to: number): number[] {
    return Array.from({ length: to - from }, (_, n) => from + n)
  }
})
