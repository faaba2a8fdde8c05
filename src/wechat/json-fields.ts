import { type Fields, isList, type Value } from './xml.js'

/** As in an XML push. */
const longest = 256 * 1024
const deepest = 16

/**
 * A string, or a number that is no name, with what stands between the quotes in one of two groups. An unfinished string
 * ends with the text: no second look.
 */
const stringOrNumber = /"([^"\\]*(?:\\.?[^"\\]*)*)(?:"|$)|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?!\s*:)/gs

/**
 * The fields of a push in JSON [MPKF], with every value a text, as in XML: a 64-bit number keeps its digits, `true` becomes
 * `"true"`, and `null` an empty text. `undefined` for anything that is not one JSON object, or is larger than a push ever is:
 * 256 Ki characters, 16 levels.
 */
export function readJsonFields(text: string): Fields | undefined {
  if (text.length > longest) return undefined
  // Numbers become strings before a double could round them. Strings stay what they are.
  const quoted = text.replace(/^\uFEFF/, '').replaceAll(stringOrNumber, '"$1$2"')
  try {
    const value = asValue(JSON.parse(quoted), 0)
    return typeof value === 'string' || isList(value) ? undefined : value
  } catch {
    return undefined
  }
}

function asValue(value: unknown, depth: number): Value {
  if (depth > deepest) throw new RangeError('too deep')
  if (typeof value === 'string') return value
  if (typeof value !== 'object') return String(value)
  if (value === null) return ''
  if (Array.isArray(value)) return value.map((inner: unknown) => asValue(inner, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asValue(inner, depth + 1)]))
}
