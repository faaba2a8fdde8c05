import { compileLinearRegex } from '../linear-regex.js'
import { type Fields, isList, type Value } from '../wechat/xml.js'

/** What one field must be: this text, one of these, or a text in which the regex (RE2 syntax) is found. */
export type Wanted = string | readonly string[] | { readonly regex: string }

/**
 * Which messages a route takes, by the names of their fields; a dot leads into a field (`ScanCodeInfo.ScanType`). All
 * must be as wanted. A missing field is never as wanted, and where a field is there several times any may be. Empty:
 * every message.
 */
export type Match = Readonly<Record<string, Wanted>>

/**
 * Made once for a route. Deciding takes time in proportion to the message.
 * @throws TypeError for a regex that cannot be used; the configuration has refused those before.
 */
export function compileMatch(match: Match): (message: Fields) => boolean {
  const fields = Object.entries(match).map(([path, wanted]) => ({ path: path.split('.'), accepts: compile(wanted) }))
  return (message) => fields.every(({ path, accepts }) => holds(message, path, accepts))
}

type Accepts = (text: string) => boolean

function compile(wanted: Wanted): Accepts {
  if (typeof wanted === 'string') return (text) => text === wanted
  if ('regex' in wanted) {
    const regex = compileLinearRegex(wanted.regex)
    return (text) => regex.test(text)
  }
  const texts = new Set(wanted)
  return (text) => texts.has(text)
}

function holds(value: Value | undefined, path: readonly string[], accepts: Accepts): boolean {
  if (value === undefined) return false
  if (typeof value === 'string') return path.length === 0 && accepts(value)
  if (isList(value)) return value.some((element) => holds(element, path, accepts))
  const [name, ...rest] = path
  return name !== undefined && Object.hasOwn(value, name) && holds(value[name], rest, accepts)
}
