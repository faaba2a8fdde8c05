import { beforeAll, describe, expect, it } from 'vitest'
import { PushReader, type RefusalReason } from '../../src/wechat/push.js'
import {
  appID,
  enciphered,
  encodingAESKey,
  encrypted,
  encryptedQuery,
  jsonEnvelope,
  otherAESKey,
  type PushQuery,
  pkcs7,
  plainQuery,
  sha1OfSorted,
  textXml,
  token,
  xmlEnvelope,
} from '../support/sealed-pushes.js'
import { newSeed, seeded } from '../support/seeded.js'

const count = 100_000
const reader = new PushReader({
  appID,
  tokens: [token],
  encodingAESKeys: [encodingAESKey],
  mode: 'safe',
  clock: { now: () => 0 },
})

const seed = newSeed()
const random = seeded(seed)

function below(bound: number): number {
  return Math.floor(random() * bound)
}

function oneOf<T>(values: readonly T[]): T {
  for (const value of values.slice(below(values.length))) return value
  throw new Error('nothing to choose from')
}

function bytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => below(256)))
}

/** A push as WeChat sends it. */
interface Original {
  readonly content: string
  readonly message: string
  readonly encrypt: string
  readonly query: PushQuery
  readonly envelope: (encrypt: string) => string
  readonly body: string
}

const alphabet = ['a', 'Z', '9', ' ', '界', '😀', '&', '<', '\n']

function original(n: number): Original {
  const content = Array.from({ length: n % 97 }, () => oneOf(alphabet)).join('')
  const message = textXml(content)
  const encrypt = encrypted({ message, random: bytes(16) })
  const envelope = n % 2 === 0 ? xmlEnvelope : jsonEnvelope
  const by = { timestamp: String(1_714_000_000 + below(1_000_000)), nonce: String(below(2_000_000_000)) }
  return { content, message, encrypt, query: encryptedQuery(encrypt, by), envelope, body: envelope(encrypt) }
}

type Attack = readonly [query: Readonly<Record<string, unknown>>, body: string]

interface Kind {
  readonly name: string
  /** How far it must come. */
  readonly refused: RefusalReason
  readonly make: (push: Original) => Attack
}

/** Signed with the Token, so that what is behind the signature is reached. */
function signed(push: Original, encrypt: string): Attack {
  const { timestamp, nonce } = push.query
  return [encryptedQuery(encrypt, { timestamp, nonce }), push.envelope(encrypt)]
}

function resealed(push: Original, parts: Omit<Parameters<typeof encrypted>[0], 'message'>): Attack {
  return signed(push, encrypted({ message: push.message, random: bytes(16), ...parts }))
}

/** `text` with one of the seven lower bits of one character turned over. */
function flipped(text: string): string {
  const at = below(text.length)
  const changed = String.fromCharCode(text.charCodeAt(at) ^ (1 << below(7)))
  return text.slice(0, at) + changed + text.slice(at + 1)
}

function flippedBit(encrypt: string, from: number, to: number): string {
  const sealed = Buffer.from(encrypt, 'base64')
  const at = (from < 0 ? sealed.length : 0) + from + below(to - from)
  sealed[at] = (sealed[at] ?? 0) ^ (1 << below(8))
  return sealed.toString('base64')
}

const parameters = ['msg_signature', 'timestamp', 'nonce'] as const

function wrongPadding(unpadded: number): Buffer {
  const right = pkcs7(unpadded)
  const length = right.length
  const wrong = [
    () => Buffer.alloc(length, 0),
    () => Buffer.alloc(length, 33 + below(223)),
    () => Buffer.alloc(length, (length % 32) + 1),
    () => Buffer.concat([right, pkcs7(0)]),
    // The last byte is right, but not all before it.
    () => (length === 1 ? Buffer.alloc(1, 0) : spoilt(right, below(length - 1))),
  ]
  return oneOf(wrong)()
}

function spoilt(right: Buffer, at: number): Buffer {
  right[at] = (right[at] ?? 0) ^ (1 << below(8))
  return right
}

let others: readonly Original[] = []

const kinds: readonly Kind[] = [
  {
    name: 'a bit of the ciphertext',
    refused: 'signature',
    make: ({ query, encrypt, envelope }) => [query, envelope(flipped(encrypt))],
  },
  {
    name: 'a bit of the query',
    refused: 'signature',
    make: ({ query, body }) => {
      const name = oneOf(parameters)
      return [{ ...query, [name]: flipped(String(query[name])) }, body]
    },
  },
  {
    name: 'a ciphertext that is longer, shorter or in another spelling',
    refused: 'signature',
    make: ({ query, encrypt, envelope }) => {
      const spellings = [`${encrypt}A`, `${encrypt} `, ` ${encrypt}`, encrypt.slice(0, -below(encrypt.length - 1) - 1)]
      return [query, envelope(oneOf([...spellings, `${encrypt}=`, encrypt.toLowerCase(), `A${encrypt}`]))]
    },
  },
  {
    name: 'the query of another push',
    refused: 'signature',
    make: ({ query, body }) => [
      oneOf(others.filter((other) => other.body !== body && other.query !== query)).query,
      body,
    ],
  },
  {
    name: 'the body of another push',
    refused: 'signature',
    make: ({ query, encrypt }) => [query, oneOf(others.filter((other) => other.encrypt !== encrypt)).body],
  },
  {
    name: 'a new timestamp or nonce',
    refused: 'signature',
    make: ({ query, body }) => [{ ...query, [oneOf(['timestamp', 'nonce'])]: `${1_800_000_000 + below(1e9)}` }, body],
  },
  {
    name: 'another Token',
    refused: 'signature',
    make: ({ encrypt, envelope }) => [encryptedQuery(encrypt, { token: `${token}${below(1e6)}` }), envelope(encrypt)],
  },
  {
    name: 'a repeated parameter',
    refused: 'signature',
    make: ({ query, body }) => {
      const name = oneOf(parameters)
      return [{ ...query, [name]: oneOf([[query[name]], [query[name], query[name]], ['0', query[name]]]) }, body]
    },
  },
  {
    name: 'a missing or odd parameter',
    refused: 'signature',
    make: ({ query, body }) => {
      return [{ ...query, [oneOf(parameters)]: oneOf([undefined, null, '', 0, {}, [], true, '\n', '签']) }, body]
    },
  },
  {
    name: 'signature for msg_signature',
    refused: 'signature',
    make: ({ query, body }) => [{ ...query, msg_signature: query['signature'] }, body],
  },
  {
    name: 'a cut body',
    refused: 'not-encrypted',
    make: ({ query, body }) => [query, body.slice(0, below(body.length))],
  },
  {
    name: 'a message in clear',
    refused: 'not-encrypted',
    make: ({ query, message }) => {
      const { timestamp, nonce } = query
      const clear = { ...plainQuery({ timestamp, nonce }), encrypt_type: oneOf(['raw', 'aes', undefined]) }
      return [{ ...clear, msg_signature: oneOf([query['msg_signature'], clear.signature]) }, message]
    },
  },
  {
    name: 'two Encrypt, none or one elsewhere',
    refused: 'not-encrypted',
    make: ({ query, encrypt }) => [
      query,
      oneOf([
        xmlEnvelope(encrypt, `<Encrypt>${encrypt}</Encrypt>`),
        `<xml><a><Encrypt>${encrypt}</Encrypt></a></xml>`,
        `<xml><Encrypt><a>${encrypt}</a></Encrypt></xml>`,
        `<xml><encrypt>${encrypt}</encrypt></xml>`,
        `<!DOCTYPE xml>${xmlEnvelope(encrypt)}`,
        JSON.stringify({ Encrypt: [encrypt] }),
        JSON.stringify({ Encrypt: { encrypt } }),
        JSON.stringify([{ Encrypt: encrypt }]),
        `{"__proto__":{"Encrypt":"${encrypt}"}}`,
      ]),
    ],
  },
  {
    name: 'a cut ciphertext',
    refused: 'undecipherable',
    make: (push) => {
      const sealed = Buffer.from(push.encrypt, 'base64')
      return signed(push, sealed.subarray(0, below(sealed.length)).toString('base64'))
    },
  },
  {
    name: 'a bit where the length, the appID or the padding stands',
    refused: 'undecipherable',
    make: (push) => {
      const [from, to] = oneOf([[0, 4] as const, [16, 32] as const, [-32, 0] as const])
      return signed(push, flippedBit(push.encrypt, from, to))
    },
  },
  {
    name: 'blocks in another order',
    refused: 'undecipherable',
    make: (push) => {
      const sealed = Buffer.from(push.encrypt, 'base64')
      return signed(push, Buffer.concat([sealed.subarray(32), sealed.subarray(0, 32)]).toString('base64'))
    },
  },
  {
    name: 'wrong padding',
    refused: 'undecipherable',
    make: (push) => resealed(push, { padding: wrongPadding }),
  },
  {
    name: 'a wrong length',
    refused: 'undecipherable',
    make: (push) => {
      const length = Buffer.byteLength(push.message)
      const off = oneOf([1, -1, appID.length, -appID.length, 1 + below(1e6), 2 ** 31, -length, 2 ** 32 - 1 - length])
      return resealed(push, { length: (length + off) >>> 0 })
    },
  },
  {
    name: 'another appID',
    refused: 'undecipherable',
    make: (push) => {
      const wrong = [
        '',
        appID.slice(1),
        `${appID}0`,
        flipped(appID),
        appID.toUpperCase(),
        `wx${below(1e9)}`,
        `${appID}\0`,
      ]
      return resealed(push, { receiveId: oneOf(wrong) })
    },
  },
  {
    name: 'another key',
    refused: 'undecipherable',
    make: (push) => resealed(push, { key: otherAESKey }),
  },
  {
    name: 'too little to be an envelope',
    refused: 'undecipherable',
    make: (push) => {
      const plain = bytes(below(20))
      return signed(push, enciphered(Buffer.concat([plain, pkcs7(plain.length)])))
    },
  },
  {
    name: 'noise',
    refused: 'undecipherable',
    make: (push) => signed(push, oneOf([bytes(32 * (1 + below(8))), bytes(below(300))]).toString('base64')),
  },
  {
    name: 'no message inside',
    refused: 'malformed',
    make: (push) => {
      const { message } = push
      const wrong = [
        '',
        'success',
        '{}',
        'null',
        message.slice(0, -1 - below(message.length - 1)),
        message.replaceAll(oneOf(['ToUserName', 'FromUserName', 'CreateTime', 'MsgType']), 'Other'),
        message.replace('<MsgType>', '<MsgType></MsgType><MsgType>'),
        message + message,
        `<!DOCTYPE xml [<!ENTITY a "b">]>${message}`,
        xmlEnvelope(push.encrypt),
      ]
      return signed(push, encrypted({ message: oneOf(wrong), random: bytes(16) }))
    },
  },
]

describe(`pushes in safe mode (seed ${seed})`, () => {
  const originals = Array.from({ length: 400 }, (_, n) => original(n))

  beforeAll(() => {
    others = originals.slice(0, 8)
  })

  it('are accepted as WeChat sends them', () => {
    for (const { query, body, message, content } of originals) {
      const read = reader.read(query, body)
      expect(read).toMatchObject({ text: message, format: 'xml', message: { MsgType: 'text', Content: content } })
    }
  })

  it(`are refused by the right layer, and throw nothing, when they are changed: ${count} of ${kinds.length} kinds`, () => {
    const told = new Map<string, number>()
    const wrong: { kind: string; n: number; outcome: string; attack: Attack }[] = []
    for (let n = 0; n < count; n += 1) {
      const kind = kinds[n % kinds.length]
      if (kind === undefined) throw new Error('no kind')
      const attack = kind.make(oneOf(originals))
      const outcome = outcomeOf(attack)
      told.set(`${kind.name}: ${outcome}`, (told.get(`${kind.name}: ${outcome}`) ?? 0) + 1)
      if (outcome !== kind.refused) wrong.push({ kind: kind.name, n, outcome, attack })
    }
    expect(wrong.slice(0, 3)).toEqual([])
    expect([...told.keys()].sort()).toEqual(kinds.map(({ name, refused }) => `${name}: ${refused}`).sort())
    expect(Math.min(...told.values())).toBeGreaterThanOrEqual(Math.floor(count / kinds.length))
  })

  function outcomeOf([query, body]: Attack): string {
    try {
      const read = reader.read(query, body)
      return 'refused' in read ? read.refused : 'accepted'
    } catch (error) {
      return `threw ${error}`
    }
  }

  it('are accepted when the same means change nothing', () => {
    for (const push of originals) {
      expect(outcomeOf(resealed(push, {}))).toBe('accepted')
      expect(outcomeOf(signed(push, push.encrypt))).toBe('accepted')
      const { timestamp, nonce } = push.query
      const hash = sha1OfSorted(token, timestamp, nonce, push.encrypt)
      expect(outcomeOf([{ msg_signature: hash, timestamp, nonce }, push.envelope(push.encrypt)])).toBe('accepted')
    }
  })
})
