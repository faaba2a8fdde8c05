import { isDeepStrictEqual } from 'node:util'
import { XMLParser } from 'fast-xml-parser'
import { describe, expect, it } from 'vitest'
import { type Fields, readXml, type Value, type WritableFields, writeXml } from '../../src/wechat/xml.js'
import { newSeed, seeded } from '../support/seeded.js'

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

function several<T>(most: number, make: () => T): T[] {
  return Array.from({ length: below(most + 1) }, make)
}

/** An element before it is written: its text, or what it holds. */
interface Node {
  readonly name: string
  readonly content: string | readonly Node[]
}

const names = ['a', 'b', 'MsgId', 'List', 'item', 'Location_X', 'a-b.c', 'ns:d', '_e', 'constructor', 'toString']
const pieces = [
  'x',
  '007',
  '1e5',
  '12345678901234567890',
  ' ',
  '\n',
  '\t',
  '<',
  '>',
  '&',
  '"',
  "'",
  ']',
  ']]',
  ']]>',
  '界',
]
const rare = ['😀', '&amp;', '&#65;', '<![CDATA[', '<!--', '-->', '\r\n', '\r', '%', '\u0007', 'é', '{', '\\', '']

function text(): string {
  return several(5, () => (below(4) === 0 ? oneOf(rare) : oneOf(pieces))).join('')
}

function node(depth: number): Node {
  const inside = depth < 5 && below(3) === 0
  return { name: oneOf(names), content: inside ? several(4, () => node(depth + 1)) : text() }
}

/** What a reader must make of it. */
function expectedOf({ content }: Node): Value {
  if (typeof content === 'string') return content
  return content.length === 0 ? '' : fieldsOf(content)
}

function fieldsOf(nodes: readonly Node[]): Fields {
  const found = new Map<string, Value[]>()
  for (const one of nodes) found.set(one.name, [...(found.get(one.name) ?? []), expectedOf(one)])
  return Object.fromEntries([...found].map(([name, values]) => [name, values.length > 1 ? values : (values[0] ?? '')]))
}

const named: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;', "'": '&apos;' }

/** A text in one of the many ways to write it. */
function writtenText(content: string): string {
  const at = below(content.length + 1)
  const ways = [
    () => cdata(content),
    () => escaped(content),
    () => cdata(content.slice(0, at)) + escaped(content.slice(at)),
    () => `${escaped(content.slice(0, at))}<!-- ${oneOf(['x', '<a>', '&', ']]>', ''])} -->${cdata(content.slice(at))}`,
  ]
  return oneOf(ways)()
}

function cdata(content: string): string {
  return `<![CDATA[${content.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`
}

function escaped(content: string): string {
  return content.replaceAll(/[<&>"']/g, (one) => {
    const bare = one !== '<' && one !== '&' && below(2) === 0
    return bare ? one : (named[one] ?? one)
  })
}

function written({ name, content }: Node): string {
  const attributes = several(1, () => oneOf([' b="1"', " b='>'", '\n c:d = "&x;]]>" e="/"', ' ', '\t'])).join('')
  if (content.length === 0 && below(2) === 0) return `<${name}${attributes}/>`
  return `<${name}${attributes}>${writtenContent(content)}</${name}${oneOf(['', '', ' ', '\n'])}>`
}

function writtenContent(content: Node['content']): string {
  if (typeof content === 'string') return writtenText(content)
  return content.map((one) => space() + written(one) + space()).join('')
}

/** What may stand between elements. */
function space(): string {
  return below(3) === 0 ? oneOf(['\n', '  ', '\t', '<!-- x -->', '\r\n', 'text', '&amp;', '<![CDATA[ ]]>']) : ''
}

interface Document {
  readonly text: string
  readonly fields: Fields
}

function document(): Document {
  const nodes = [node(1), ...several(5, () => node(1))]
  const declaration = oneOf(['', '', '<?xml version="1.0" encoding="UTF-8"?>', '\uFEFF', ' \n'])
  const after = oneOf(['', '\n', '<!-- end -->'])
  return {
    text: declaration + written({ name: oneOf(['xml', 'root']), content: nodes }) + after,
    fields: fieldsOf(nodes),
  }
}

describe(`${count} documents (seed ${seed})`, () => {
  it('are read as what they were made of', () => {
    for (let n = 0; n < count; n += 1) {
      const { text: xml, fields } = document()
      const read = readXml(xml)
      if (!isDeepStrictEqual(read, fields)) expect(read, JSON.stringify(xml)).toEqual(fields)
    }
  })

  it('are read without fail when they are spoilt', () => {
    let refused = 0
    for (let n = 0; n < count; n += 1) {
      const xml = spoilt(document().text)
      const read = readXml(xml)
      if (read === undefined) refused += 1
      else if (!isFields(read)) expect(read, JSON.stringify(xml)).toBe(undefined)
    }
    expect(refused).toBeGreaterThan(count / 4)
    expect(refused).toBeLessThan(count)
  })

  function spoilt(xml: string): string {
    const at = below(xml.length)
    const part = oneOf([
      '<',
      '>',
      '&',
      '"',
      '/',
      ']]>',
      '<![CDATA[',
      '<!--',
      '-->',
      '</xml>',
      '<a>',
      '&#xD800;',
      '\0',
      '\ud800',
    ])
    const ways = [
      () => xml.slice(0, at),
      () => xml.slice(0, at) + part + xml.slice(at),
      () => xml.slice(0, at) + part + xml.slice(at + 1),
      () => xml.slice(0, at) + xml.slice(at + 1 + below(5)),
      () => xml.slice(0, at) + xml.slice(below(at + 1)),
    ]
    return oneOf(ways)()
  }

  function isFields(value: Value): boolean {
    if (typeof value === 'string') return true
    const inside: readonly Value[] = Object.values(value)
    return Object.getPrototypeOf(value) !== null && inside.every((inner) => inner !== undefined && isFields(inner))
  }
})

describe(`fast-xml-parser (seed ${seed})`, () => {
  const parser = new XMLParser({
    parseTagValue: false,
    trimValues: false,
    ignoreAttributes: true,
    ignoreDeclaration: true,
  })

  it('reads the same from what a push has', () => {
    let compared = 0
    while (compared < 10_000) {
      const { text: xml, fields } = document()
      // It makes a line feed of a carriage return, renames what every object has, and passes over white space.
      if (/\r|constructor|toString|\uFEFF/.test(xml) || hasBlank(fields)) continue
      compared += 1
      const parsed: unknown = parser.parse(xml)
      const [theirs] = Object.values(Object(parsed)).map(withoutText)
      if (!isDeepStrictEqual(theirs, fields)) expect(theirs, JSON.stringify(xml)).toEqual(fields)
      const ours = readXml(xml)
      if (!isDeepStrictEqual(ours, theirs)) expect(ours, JSON.stringify(xml)).toEqual(theirs)
    }
  })

  function hasBlank(value: Value): boolean {
    if (typeof value === 'string') return value !== '' && value.trim() === ''
    const inside: readonly Value[] = Object.values(value)
    return inside.some(hasBlank)
  }

  /** It keeps the text beside elements. */
  function withoutText(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(withoutText)
    if (typeof value !== 'object' || value === null) return value
    const kept = Object.entries(value).filter(([name]) => name !== '#text')
    if (kept.length === 0) return Reflect.get(value, '#text') ?? ''
    return Object.fromEntries(kept.map(([name, inner]) => [name, withoutText(inner)]))
  }
})

describe(`what was written (seed ${seed})`, () => {
  it('is read back, whatever it holds', () => {
    for (let n = 0; n < 20_000; n += 1) {
      const nodes = [node(1), ...several(5, () => node(1))]
      const fields = fieldsOf(nodes)
      const xml = writeXml(writable(fields))
      const read = readXml(xml)
      const expected = kept(fields)
      if (!isDeepStrictEqual(read, expected)) expect(read, JSON.stringify(xml)).toEqual(expected)
    }
  })

  function writable(fields: Fields): WritableFields {
    return fields
  }

  /** XML has no way to hold control characters. */
  function kept(value: Value): Value {
    return JSON.parse(JSON.stringify(value).replaceAll('\\u0007', ''))
  }
})
