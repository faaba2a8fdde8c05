/** What an element holds: its text, its elements, or a list where elements of one name stand side by side. */
export type Value = string | Fields | readonly Value[]

/** The elements inside an element, by name. Texts stay as they were sent: `007`, 20 digits, leading spaces. */
export interface Fields {
  readonly [name: string]: Value
}

/** `Array.isArray` does not tell a list that may not be changed from an object. */
export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

/** What can be written: a number stands bare, as WeChat writes its own, and a text in CDATA. */
export type Writable = string | number | WritableFields | readonly Writable[] | undefined

/** `undefined` is left out. */
export interface WritableFields {
  readonly [name: string]: Writable
}

/** WeChat's largest push is some kilobytes. In characters, levels and elements. */
const longest = 256 * 1024
const deepest = 16
const mostElements = 4096

const tag = /<(\/?)([A-Za-z_][\w.:-]*)(?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*(\/?)>/y
const plainName = /^[A-Za-z_][\w.:-]*$/
const declaration = /^\uFEFF?\s*(?:<\?xml\s[^>]*\?>)?\s*/
const entity = /&(?:(lt|gt|amp|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));/y
const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** A value while it is being read. */
type Growing = string | { [name: string]: Growing } | Growing[]

interface Element {
  readonly name: string
  text: string
  fields: Record<string, Growing> | undefined
}

/**
 * The elements inside the root of an XML document; `undefined` for anything that is not well-formed, has a DOCTYPE or an
 * entity of its own, or is larger than a push ever is: 256 Ki characters, 16 levels, 4,096 elements. Attributes and
 * comments are passed over, and so is text beside elements. The time taken grows with the length and no faster.
 *
 * A reader of our own: fast-xml-parser takes five times as long for a push (`npm run bench`), and a safe-mode push is
 * read twice.
 */
export function readXml(text: string): Fields | undefined {
  if (text.length > longest) return undefined
  try {
    return new Reader(text).read()
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

class Malformed extends Error {}

class Reader {
  readonly #text: string
  readonly #open: Element[] = []
  #at: number
  #elements = 0

  constructor(text: string) {
    this.#text = text
    this.#at = declaration.exec(text)?.[0].length ?? 0
  }

  read(): Fields {
    const document: Element = { name: '', text: '', fields: undefined }
    this.#open.push(document)
    while (this.#at < this.#text.length) this.#step()
    const roots = Object.values(document.fields ?? {})
    const [root] = roots
    const alone = this.#open.length === 1 && roots.length === 1 && document.text.trim() === ''
    if (!alone || root === undefined || typeof root === 'string' || Array.isArray(root)) throw new Malformed()
    return root
  }

  get #current(): Element {
    const current = this.#open.at(-1)
    if (current === undefined) throw new Malformed()
    return current
  }

  /** Takes the text up to the next `<`, and what begins there. */
  #step(): void {
    const start = this.#text.indexOf('<', this.#at)
    const end = start < 0 ? this.#text.length : start
    if (end > this.#at) this.#current.text += resolved(this.#text.slice(this.#at, end))
    this.#at = end
    if (start < 0) return
    if (this.#text.startsWith('<![CDATA[', start)) this.#current.text += this.#until(']]>', start + 9)
    else if (this.#text.startsWith('<!--', start)) this.#until('-->', start + 4)
    else if (!this.#leaf(start)) this.#tag(start)
  }

  /** Takes `<name><![CDATA[text]]></name>` or `<name>text</name>`, as most of a push is, in one go: half the work. */
  #leaf(start: number): boolean {
    const text = this.#text
    const nameEnd = text.indexOf('>', start)
    const name = text.slice(start + 1, nameEnd)
    if (nameEnd < 0 || !plainName.test(name)) return false
    const section = text.startsWith('<![CDATA[', nameEnd + 1)
    const from = nameEnd + (section ? 10 : 1)
    const end = text.indexOf(section ? ']]>' : '<', from)
    const closing = section ? end + 3 : end
    if (end < 0 || !text.startsWith(`</${name}>`, closing)) return false
    const value = text.slice(from, end)
    if (!section && value.includes('&')) return false
    this.#count(name)
    const parent = this.#current
    parent.fields ??= {}
    add(parent.fields, name, value)
    this.#at = closing + name.length + 3
    return true
  }

  #until(ending: string, from: number): string {
    const end = this.#text.indexOf(ending, from)
    if (end < 0) throw new Malformed()
    this.#at = end + ending.length
    return this.#text.slice(from, end)
  }

  #tag(start: number): void {
    tag.lastIndex = start
    const [whole, closing, name, empty] = tag.exec(this.#text) ?? []
    if (whole === undefined || name === undefined) throw new Malformed()
    this.#at = start + whole.length
    if (closing === '/') {
      if (empty === '/') throw new Malformed()
      this.#close(name)
    } else {
      this.#begin(name)
      if (empty === '/') this.#close(name)
    }
  }

  /** One element more, inside those that are open. */
  #count(name: string): void {
    this.#elements += 1
    // As a field of an object `__proto__` would be none.
    const tooMuch = this.#open.length > deepest || this.#elements > mostElements || name === '__proto__'
    if (tooMuch) throw new Malformed()
  }

  #begin(name: string): void {
    this.#count(name)
    this.#open.push({ name, text: '', fields: undefined })
  }

  #close(name: string): void {
    const closed = this.#open.pop()
    if (closed?.name !== name) throw new Malformed()
    const parent = this.#current
    parent.fields ??= {}
    add(parent.fields, name, closed.fields ?? closed.text)
  }
}

function add(fields: Record<string, Growing>, name: string, value: Growing): void {
  const before = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (before === undefined) fields[name] = value
  else if (Array.isArray(before)) before.push(value)
  else fields[name] = [before, value]
}

/** One entity at a time: `replaceAll` would look for all of them before the first, and a bad one ends the reading. */
function resolved(text: string): string {
  let done = ''
  let from = 0
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', from)) {
    entity.lastIndex = at
    const found = entity.exec(text)
    if (found === null) throw new Malformed()
    done += text.slice(from, at) + character(found)
    from = entity.lastIndex
  }
  return from === 0 ? text : done + text.slice(from)
}

function character([, word, decimal, hex]: RegExpExecArray): string {
  if (word !== undefined) return named[word] ?? ''
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
  const surrogate = code >= 0xd800 && code <= 0xdfff
  if (code < 1 || code > 0x10ffff || surrogate) throw new Malformed()
  return String.fromCodePoint(code)
}

/** Has nothing that is left out or split below, which is dearer to look for. */
const usual = /^[\t\n\r\u0020-\\^-\uD7FF\uE000-\uFFFD]*$/

/** Control characters that XML 1.0 has no way to hold: a receiver would refuse the document. */
const forbidden = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu

/** An XML document with these elements in its root, which is named `xml` as in all of WeChat's. */
export function writeXml(fields: WritableFields): string {
  return `<xml>${written(fields)}</xml>`
}

function written(fields: WritableFields): string {
  let text = ''
  for (const [name, value] of Object.entries(fields)) text += element(name, value)
  return text
}

function element(name: string, value: Writable): string {
  if (value === undefined) return ''
  if (typeof value === 'number') return `<${name}>${value}</${name}>`
  if (typeof value === 'string') return `<${name}><![CDATA[${cdata(value)}]]></${name}>`
  if (isWritableList(value)) return value.map((inner) => element(name, inner)).join('')
  return `<${name}>${written(value)}</${name}>`
}

function isWritableList(value: Writable): value is readonly Writable[] {
  return Array.isArray(value)
}

/** A literal `]]>` is split over two sections. */
function cdata(text: string): string {
  if (usual.test(text)) return text
  return text.replaceAll(forbidden, '').replaceAll(']]>', ']]]]><![CDATA[>')
}
