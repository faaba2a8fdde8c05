import { parse } from 'node:querystring'

/** Nothing to decode. */
const literal = /^[A-Za-z0-9_.~=&-]*$/

/**
 * The parameters of a query; of one that is there several times a list. WeChat's queries have nothing to decode, and are
 * read in a third of the time that `parse` of `node:querystring` takes, which is half of that of `ctx.query`.
 */
export function readQuery(query: string): Readonly<Record<string, unknown>> {
  if (!literal.test(query)) return parse(query)
  const read: Record<string, unknown> = {}
  for (let start = 0; start < query.length; ) {
    const next = query.indexOf('&', start)
    const end = next < 0 ? query.length : next
    const equals = query.indexOf('=', start)
    const nameEnd = equals < 0 || equals > end ? end : equals
    if (end > start) {
      const name = query.slice(start, nameEnd)
      const value = query.slice(nameEnd + 1, end)
      read[name] = Object.hasOwn(read, name) ? [read[name], value].flat() : value
    }
    start = end + 1
  }
  return read
}
