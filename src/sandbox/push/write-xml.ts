import { type Fields, isList, type Value } from './fields.js'

/** Texts that stay texts when a user types a number. All else that looks like a number is written as one. */
const texts = ['ToUserName', 'FromUserName', 'Content', 'EventKey', 'Title', 'Description', 'Label', 'Recognition']

/** The message as WeChat writes it: texts in CDATA, numbers bare, a list as repeated elements. */
export function writeXML(fields: Fields): string {
  return `<xml>${elements(fields)}</xml>`
}

function elements(fields: Fields): string {
  return Object.entries(fields)
    .flatMap(([name, value]) => (isList(value) ? value : [value]).map((each) => element(name, each)))
    .join('')
}

function element(name: string, value: Value): string {
  return `<${name}>${content(name, value)}</${name}>\n`
}

function content(name: string, value: Value): string {
  if (typeof value === 'object') return isList(value) ? '' : elements(value)
  const text = String(value)
  const bare = typeof value === 'number' || (/^-?\d+(\.\d+)?$/.test(text) && !texts.includes(name))
  // What would end the section is split over two.
  return bare ? text : `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`
}
