import { deepest, type Fields, fitsXML, type Value } from './fields.js'
import { Malformed } from './malformed.js'

const cdata = '<![CDATA['
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_'
const entities = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
])

/**
 * The fields of `<xml>…</xml>`, all values texts. An element that occurs several times becomes a list. Attributes,
 * comments and DOCTYPE are in no passive reply and are not taken.
 * @throws Malformed that tells what is wrong, and where.
 */
export function readXML(text: string): Fields {
  if (!fitsXML(text)) throw new Malformed('has a character that XML cannot hold')
  return new Reader(text).document()
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Fields {
    this.#skipSpace()
    if (this.#take('<?xml ')) this.#upTo('?>')
    this.#skipSpace()
    if (!this.#take('<xml>')) throw this.#fault('does not begin with <xml>')
    const value = this.#content('xml', 0)
    this.#skipSpace()
    if (this.#at < this.#text.length) throw this.#fault('goes on after </xml>')
    if (typeof value === 'string' && value.trim() !== '') throw this.#fault('has a text in place of fields')
    return typeof value === 'string' ? {} : value
  }

  /** What stands between the tags `name`; the closing one is read as well. */
  #content(name: string, depth: number): string | Fields {
    if (depth > deepest) throw this.#fault('is nested too deep')
    const fields = new Map<string, Value[]>()
    let text = ''
    while (!this.#take('</')) {
      if (this.#take(cdata)) text += this.#upTo(']]>')
      else if (this.#take('<')) this.#child(fields, depth)
      else text += this.#characters()
    }
    if (this.#upTo('>').trimEnd() !== name) throw this.#fault(`has no </${name}> where it belongs`)
    if (fields.size === 0) return text
    if (text.trim() !== '') throw this.#fault(`has a text beside the fields of <${name}>`)
    return Object.fromEntries([...fields].map(([each, values]) => [each, alone(values) ?? values]))
  }

  #child(fields: Map<string, Value[]>, depth: number): void {
    const tag = this.#upTo('>')
    const empty = tag.endsWith('/')
    const name = (empty ? tag.slice(0, -1) : tag).trimEnd()
    if (!isName(name)) throw this.#fault('has a tag that is no plain name')
    const value = empty ? '' : this.#content(name, depth + 1)
    const others = fields.get(name)
    if (others === undefined) fields.set(name, [value])
    else others.push(value)
  }

  /** Up to the next tag. */
  #characters(): string {
    const end = this.#text.indexOf('<', this.#at)
    if (end === -1) throw this.#fault('ends too early')
    const [first = '', ...rest] = this.#text.slice(this.#at, end).split('&')
    this.#at = end
    return first + rest.map((part) => this.#entity(part)).join('')
  }

  #entity(part: string): string {
    const end = part.indexOf(';')
    const name = part.slice(0, Math.max(0, end))
    const character = entities.get(name) ?? numbered(name)
    if (character === undefined) throw this.#fault('has an "&" that begins no entity')
    return character + part.slice(end + 1)
  }

  #take(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false
    this.#at += expected.length
    return true
  }

  #upTo(mark: string): string {
    const end = this.#text.indexOf(mark, this.#at)
    if (end === -1) throw this.#fault('ends too early')
    const passed = this.#text.slice(this.#at, end)
    this.#at = end + mark.length
    return passed
  }

  #skipSpace(): void {
    while (isSpace(this.#text[this.#at])) this.#at += 1
  }

  #fault(what: string): Malformed {
    return new Malformed(`is no XML of WeChat: it ${what} (at character ${this.#at})`)
  }
}

function alone(values: readonly Value[]): Value | undefined {
  return values.length === 1 ? values[0] : undefined
}

function isSpace(character: string | undefined): boolean {
  return character !== undefined && ' \t\r\n'.includes(character)
}

function isName(name: string): boolean {
  return name !== '' && [...name].every((character) => letters.includes(character))
}

function numbered(name: string): string | undefined {
  if (!name.startsWith('#')) return undefined
  const code = Number(name.startsWith('#x') ? `0${name.slice(1)}` : name.slice(1))
  if (!(Number.isInteger(code) && code > 0 && code <= 0x10ffff)) return undefined
  const character = String.fromCodePoint(code)
  return fitsXML(character) ? character : undefined
}
