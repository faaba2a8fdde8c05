import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { readJsonFields } from '../../src/wechat/json-fields.js'
import type { Value } from '../../src/wechat/xml.js'
import { hostileJson, strangeJson } from '../support/hostile-texts.js'
import { newSeed, seeded } from '../support/seeded.js'

const longest = 256 * 1024

describe('reading', () => {
  const values: [string, string, unknown][] = [
    ['a text', '"hi"', 'hi'],
    ['an empty text', '""', ''],
    ['spaces', '"  x  "', '  x  '],
    ['a number of 64 bits', '4561255354251345929', '4561255354251345929'],
    ['a larger one', '123456789012345678901234567890', '123456789012345678901234567890'],
    ['a negative number', '-7', '-7'],
    ['nothing below zero', '-0', '-0'],
    ['an exponent', '1e5', '1e5'],
    ['a large exponent', '1E+400', '1E+400'],
    ['a fraction with zeros behind', '2703.000000', '2703.000000'],
    ['a fraction beyond a double', '0.1234567890123456789', '0.1234567890123456789'],
    ['true', 'true', 'true'],
    ['false', 'false', 'false'],
    ['null as an empty text', 'null', ''],
    ['a number in a text', '"1e5 007 1.50"', '1e5 007 1.50'],
    ['a number in a text behind a quote', '"\\"1\\": 2"', '"1": 2'],
    ['escapes', '"\\\\\\"\\/\\b\\f\\n\\r\\t\\u754c\\ud83d\\ude00"', '\\"/\b\f\n\r\t界😀'],
    ['a text that ends in an escape', '"1\\\\"', '1\\'],
    ['an emoji', '"😀"', '😀'],
    ['a list', '["a", 1, null, [2], {"b": 3}]', ['a', '1', '', ['2'], { b: '3' }]],
    ['an empty list', '[]', []],
    ['an object', '{"b": {"c": 12345678901234567890}}', { b: { c: '12345678901234567890' } }],
    ['an empty object', '{}', {}],
  ]

  it.each(values)('keeps %s', (_what, json, value) => {
    expect(readJsonFields(`{"a":${json}}`)).toEqual({ a: value })
    expect(readJsonFields(`\uFEFF \n{ "1" : 1 ,\t"a" :\r\n ${json} }\n`)).toEqual({ 1: '1', a: value })
  })

  it('takes names that every object has for names', () => {
    const read = readJsonFields('{"constructor":1,"toString":2,"__proto__":{"polluted":3},"hasOwnProperty":4}')
    expect(Object.entries(read ?? {})).toEqual([
      ['constructor', '1'],
      ['toString', '2'],
      ['__proto__', { polluted: '3' }],
      ['hasOwnProperty', '4'],
    ])
    expect(read?.['polluted']).toBe(undefined)
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  const refused = [
    ...['', ' ', 'null', '7', '-7', '"a"', 'true', '[]', '[{"a":1}]', '<xml><a>1</a></xml>', 'success'],
    ...['{', '}', '{"a"}', '{"a":}', '{"a":1', '{"a":1}}', '{"a":1}x', '{"a":1,}', '{"a" 1}', '{a:1}', "{'a':1}"],
    ...['{"a":01}', '{"a":+1}', '{"a":1.}', '{"a":.5}', '{"a":1e}', '{"a":1e+}', '{"a":-}', '{"a":--1}', '{"a":0x1F}'],
    ...['{"a":1-2}', '{"a":1 2}', '{"a":1"b"}', '{"a":"b"1}', '{"a":NaN}', '{"a":Infinity}', '{"a":1n}', '{"a":1_000}'],
    ...[
      '{1:2}',
      '{12 :2}',
      '{-1.5e3\n:2}',
      '{"a":1:2}',
      '{"a":"\\x"}',
      '{"a":"\n"}',
      '{"a":"\0"}',
      '{"a":"b}',
      '{"a":"b\\"}',
    ],
    ...['{"a":1}{"b":2}', '{"a":1}//', '{/**/"a":1}', '{"a":tru1e}', '\uFEFF\uFEFF{"a":1}', '{"a":[1,2}', '{"a":[}]'],
  ]

  it.each(refused)('refuses %j', (json) => {
    expect(readJsonFields(json)).toBe(undefined)
  })

  it('takes 256 Ki characters and no more', () => {
    const text = (length: number) => `{"a":"${'x'.repeat(length - 8)}"}`
    expect(readJsonFields(text(longest))?.['a']).toHaveLength(longest - 8)
    expect(readJsonFields(text(longest + 1))).toBe(undefined)
  })

  it('takes 16 levels and no more', () => {
    const nested = (levels: number) => '{"a":'.repeat(levels) + 1 + '}'.repeat(levels)
    expect(readJsonFields(nested(16))).not.toBe(undefined)
    expect(readJsonFields(nested(17))).toBe(undefined)
    const lists = (levels: number) => `{"a":${'['.repeat(levels)}1${']'.repeat(levels)}}`
    expect(readJsonFields(lists(15))).not.toBe(undefined)
    expect(readJsonFields(lists(16))).toBe(undefined)
  })
})

describe('random texts', () => {
  const count = 100_000
  const seed = newSeed()
  const random = seeded(seed)

  function below(bound: number): number {
    return Math.floor(random() * bound)
  }

  function oneOf<T>(values: readonly T[]): T {
    for (const value of values.slice(below(values.length))) return value
    throw new Error('nothing to choose from')
  }

  const numbers = ['0', '-0', '7', '4561255354251345929', '1e5', '1.50', '-2.5E-3', '12345678901234567890.5']
  const texts = [
    '""',
    '"a"',
    '"1"',
    '"\\"1\\":2"',
    '"\\\\"',
    '" 界😀 "',
    '"\\u0031"',
    '"{[1]}"',
    '"a\\/b"',
    '"__proto__"',
  ]
  const words = ['true', 'false', 'null']

  function json(depth: number): string {
    const kind = depth > 3 ? below(3) : below(5)
    if (kind === 0) return oneOf(numbers)
    if (kind === 1) return oneOf(texts)
    if (kind === 2) return oneOf(words)
    const length = below(4)
    if (kind === 3) return `[${Array.from({ length }, () => json(depth + 1)).join(space())}]`
    return object(depth, length)
  }

  function object(depth: number, length: number): string {
    const members = Array.from(
      { length },
      () => `${oneOf(texts)}${oneOf(['', ' '])}:${oneOf(['', '\n'])}${json(depth + 1)}`,
    )
    return `{${members.join(space())}}`
  }

  function space(): string {
    return oneOf([',', ', ', ' ,', '\n,\t'])
  }

  /** JSON.parse, to which digits are digits: each number is marked by hand before. */
  function expected(text: string): unknown {
    const parsed: unknown = JSON.parse(marked(text))
    return asTexts(parsed)
  }

  /** The numbers outside of strings in quotes, found one character after the other. */
  function marked(text: string): string {
    let out = ''
    let inString = false
    let inNumber = false
    for (let at = 0; at < text.length; at += 1) {
      const one = text.charAt(at)
      const numeric: boolean = !inString && /[-+.0-9eE]/.test(one) && (inNumber || /[-0-9]/.test(one))
      if (numeric !== inNumber) out += '"'
      inNumber = numeric
      if (one === '"') inString = !inString
      out += one
      if (one === '\\') {
        at += 1
        out += text.charAt(at)
      }
    }
    return out
  }

  function asTexts(value: unknown): unknown {
    if (value === null) return ''
    if (typeof value !== 'object') return String(value)
    if (Array.isArray(value)) return value.map(asTexts)
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asTexts(inner)]))
  }

  it(`are read when JSON.parse reads them, with every digit: ${count} (seed ${seed})`, () => {
    for (let n = 0; n < count; n += 1) {
      const text = object(0, 1 + below(4))
      const read = readJsonFields(text)
      if (!isDeepStrictEqual(read, expected(text))) expect(read, text).toEqual(expected(text))
    }
  })

  it(`are refused when JSON.parse refuses them: ${count} that are spoilt (seed ${seed})`, () => {
    let refused = 0
    for (let n = 0; n < count; n += 1) {
      const text = spoilt(object(0, 1 + below(4)))
      const read = readJsonFields(text)
      if (read === undefined) refused += 1
      if ((read === undefined) === isObject(text))
        expect(read, text).toEqual(isObject(text) ? expect.anything() : undefined)
      if (read !== undefined && !isTexts(read)) expect(read, text).toBe(undefined)
    }
    expect(refused).toBeGreaterThan(count / 4)
    expect(refused).toBeLessThan(count)
  })

  function spoilt(text: string): string {
    const at = below(text.length)
    const part = oneOf([
      '"',
      '\\',
      '1',
      '-',
      '.',
      'e',
      ',',
      ':',
      '{',
      '}',
      '[',
      ']',
      ' ',
      'a',
      '\n',
      '\0',
      '\ud800',
      '"1"',
    ])
    const ways = [
      () => text.slice(0, at),
      () => text.slice(0, at) + part + text.slice(at),
      () => text.slice(0, at) + part + text.slice(at + 1),
      () => text.slice(0, at) + text.slice(at + 1 + below(4)),
    ]
    return oneOf(ways)()
  }

  function isObject(text: string): boolean {
    try {
      const value: unknown = JSON.parse(text)
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    } catch {
      return false
    }
  }

  function isTexts(value: Value): boolean {
    return typeof value === 'string' || Object.values(value).every((inner) => isTexts(inner))
  }
})

describe('what is no push', () => {
  const lengths = [1000, 10_000, longest / 4, longest]

  it.each(Object.entries(hostileJson))('is refused: %s', (_what, make) => {
    for (const length of lengths) expect(readJsonFields(make(length)), `${length}`).toBe(undefined)
  })

  it.each(Object.entries(strangeJson))('is read if it is JSON: %s', (_what, make) => {
    for (const length of lengths) expect(readJsonFields(make(length)), `${length}`).not.toBe(undefined)
  })

  it('is refused: 100,000 levels', () => {
    expect(readJsonFields(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toBe(undefined)
    expect(readJsonFields(`{"a":${'['.repeat(200_000)}`)).toBe(undefined)
  })

  // Were the time to grow with the square of the length, it would be 10,000 times that of a plain text and more.
  it.each(Object.entries({ ...hostileJson, ...strangeJson }))(
    'takes a time of the order of that for a push as long: %s',
    (_what, make) => {
      expect(timeOf(make(longest))).toBeLessThan(200 * Math.max(timeOf(benign), 1))
    },
  )

  const benign = `{"a":[${Array(2500)
    .fill(`"${'x'.repeat(100)}"`)
    .join(',')}]}`

  /** In ms of this process's own computing; the least of three. */
  function timeOf(text: string): number {
    const times = [1, 2, 3].map(() => {
      const start = process.cpuUsage()
      readJsonFields(text)
      const { user, system } = process.cpuUsage(start)
      return (user + system) / 1000
    })
    return Math.min(...times)
  }
})
