import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileMatch, type Match, type Wanted } from '../../src/callback/match.js'
import type { Fields, Value } from '../../src/wechat/xml.js'
import { newSeed } from '../support/seeded.js'

const scan: Fields = {
  ToUserName: 'gh_1',
  CreateTime: '1700000000',
  MsgType: 'event',
  Event: 'scancode_push',
  EventKey: '',
  Empty: {},
  ScanCodeInfo: { ScanType: 'qrcode', ScanResult: 'https://a.example/?id=007' },
  SendPicsInfo: { Count: '2', PicList: { item: [{ PicMd5Sum: 'aaa' }, { PicMd5Sum: 'bbb' }] } },
  Tag: ['red', 'green', ['blue']],
}

const cases: [what: string, match: Match, matches: boolean][] = [
  ['nothing is asked', {}, true],
  ['a text is equal', { MsgType: 'event' }, true],
  ['a text differs', { MsgType: 'text' }, false],
  ['a text differs in case', { MsgType: 'Event' }, false],
  ['a text is only the beginning', { MsgType: 'even' }, false],
  ['a text has a space more', { MsgType: 'event ' }, false],
  ['an empty text is there', { EventKey: '' }, true],
  ['an empty text is wanted, another is there', { MsgType: '' }, false],
  ['the name differs in case', { msgType: 'event' }, false],
  ['one of a list', { Event: ['VIEW', 'scancode_push'] }, true],
  ['none of a list', { Event: ['VIEW', 'CLICK'] }, false],
  ['none of an empty list', { Event: [] }, false],
  ['a regex is found', { Event: { regex: 'code' } }, true],
  ['a regex is found at the end only', { Event: { regex: '^push' } }, false],
  ['a regex looks at case', { Event: { regex: 'CODE' } }, false],
  ['an empty regex: the field is there', { EventKey: { regex: '' } }, true],
  ['an empty regex: the field is not there', { Ticket: { regex: '' } }, false],
  ['all fields are as wanted', { MsgType: 'event', Event: { regex: '^scan' }, ToUserName: ['gh_1'] }, true],
  ['one field of several is not', { MsgType: 'event', Event: 'CLICK' }, false],
  ['one field of several is missing', { MsgType: 'event', Ticket: 'x' }, false],
  ['a field is missing', { Ticket: '' }, false],
  ['a nested field', { 'ScanCodeInfo.ScanType': 'qrcode' }, true],
  ['another text in a nested field', { 'ScanCodeInfo.ScanType': 'barcode' }, false],
  ['a regex in a nested field', { 'ScanCodeInfo.ScanResult': { regex: 'id=0*7$' } }, true],
  ['a nested field that is missing', { 'ScanCodeInfo.Other': { regex: '' } }, false],
  ['a field in one that is missing', { 'Other.ScanType': { regex: '' } }, false],
  ['a field in a text', { 'MsgType.length': { regex: '' } }, false],
  ['a field that holds fields is no text', { ScanCodeInfo: { regex: '' } }, false],
  ['an element without anything is no text', { Empty: '' }, false],
  ['any element of a list', { Tag: 'green' }, true],
  ['any element of a list in a list', { Tag: ['blue'] }, true],
  ['no element of a list', { Tag: { regex: '^r.*n$' } }, false],
  ['the index of a list', { 'Tag.0': 'red' }, false],
  ['the length of a list', { 'Tag.length': { regex: '' } }, false],
  ['a list on the way', { 'SendPicsInfo.PicList.item.PicMd5Sum': 'bbb' }, true],
  ['a list on the way without it', { 'SendPicsInfo.PicList.item.PicMd5Sum': 'ccc' }, false],
  ['what every object inherits', { constructor: { regex: '' } }, false],
  ['the name of what every object inherits', { 'constructor.name': 'Object' }, false],
  ['the prototype', { '__proto__.constructor.name': { regex: '' } }, false],
]

describe('a match', () => {
  it.each(cases)('%s: %j: %j', (_what, match, matches) => {
    expect(compileMatch(match)(scan)).toBe(matches)
  })

  it('knows a field named __proto__ or constructor that is really there', () => {
    const odd: Fields = JSON.parse('{"__proto__": "a", "constructor": {"name": "b"}}')
    expect(compileMatch(JSON.parse('{"__proto__": "a"}'))(odd)).toBe(true)
    expect(compileMatch({ 'constructor.name': 'b' })(odd)).toBe(true)
    expect(compileMatch({ 'constructor.name': 'Object' })(odd)).toBe(false)
  })

  it('gives the same answer each time', () => {
    const matches = compileMatch({ Event: { regex: 'scan' } })
    expect([1, 2, 3].map(() => matches(scan))).toEqual([true, true, true])
  })

  it('refuses a regex that cannot run in linear time', () => {
    expect(() => compileMatch({ Content: { regex: '(?=a)' } })).toThrow(TypeError)
  })

  const seed = newSeed()
  it(`says what a naive reading of the rules says (seed ${seed})`, () => {
    let met = 0
    fc.assert(
      fc.property(messages, matches, (message, match) => {
        const expected = Object.entries(match).every(([path, wanted]) =>
          textsAt(message, path).some((text) => naive(wanted, text)),
        )
        if (expected) met += 1
        expect(compileMatch(match)(message)).toBe(expected)
      }),
      { seed, numRuns: 3000 },
    )
    // The oracle must have had something to say both ways.
    expect(met).toBeGreaterThan(150)
    expect(met).toBeLessThan(2850)
  })
})

const name = fc.constantFrom('A', 'B', 'constructor')
const text = fc.constantFrom('', 'a', 'b', 'aab', '字')

const { fields: messages } = fc.letrec<{ fields: Fields; value: Value }>((tie) => ({
  fields: fc.record({ A: tie('value'), B: tie('value'), constructor: tie('value') }, { requiredKeys: ['A', 'B'] }),
  value: fc.oneof(
    { maxDepth: 3 },
    { weight: 2, arbitrary: text },
    fc.array(tie('value'), { maxLength: 3 }),
    tie('fields'),
  ),
}))

const wanted: fc.Arbitrary<Wanted> = fc.oneof(
  text,
  fc.array(text, { maxLength: 3 }),
  fc.constantFrom('', 'a', '^a', 'b$', '^a+b$', 'a|字', '^$').map((regex) => ({ regex })),
)

const matches: fc.Arbitrary<Match> = fc.dictionary(
  fc.oneof(fc.tuple(name), fc.array(name, { minLength: 1, maxLength: 3 })).map((path) => path.join('.')),
  wanted,
  { minKeys: 1, maxKeys: 2 },
)

/** Every text at a path, with lists spread out. */
function textsAt(message: Fields, path: string): string[] {
  let values: Value[] = [message]
  for (const name of path.split('.')) {
    values = values
      .flatMap(spread)
      .flatMap((value) =>
        typeof value === 'string' ? [] : Object.entries(value).flatMap(([own, inner]) => (own === name ? [inner] : [])),
      )
  }
  return values.flatMap(spread).filter((value) => typeof value === 'string')
}

function spread(value: Value): Value[] {
  return Array.isArray(value) ? value.flatMap(spread) : [value]
}

function naive(wanted: Wanted, text: string): boolean {
  if (typeof wanted === 'string') return wanted === text
  return 'regex' in wanted ? new RegExp(wanted.regex, 'u').test(text) : wanted.includes(text)
}
