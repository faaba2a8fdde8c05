import { deepest, type Fields, isList, type Value } from './fields.js'
import { Malformed } from './malformed.js'

/**
 * The fields of a JSON object, numbers as texts.
 * @throws Malformed for anything else, and for `null`, `true` and `false` in it.
 */
export function readJSON(text: string): Fields {
  const value = read(parsed(text), 0)
  if (typeof value !== 'object' || isList(value)) throw new Malformed('is no JSON object')
  return value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Malformed('is no JSON')
  }
}

function read(value: unknown, depth: number): Value {
  if (depth > deepest) throw new Malformed('is nested too deep')
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  if (typeof value !== 'object' || value === null)
    throw new Malformed('has a value that is no text, number, object or list')
  if (Array.isArray(value)) return value.map((each: unknown) => read(each, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, read(each, depth + 1)]))
}
