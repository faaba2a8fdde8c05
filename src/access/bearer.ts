import type { IncomingMessage } from 'node:http'

/** Longest `Authorization` header that is looked at, in characters. */
const longestHeader = 512

/**
 * The key of `Authorization: Bearer KEY`: `missing` without such a header, `unusable` if there are several, or one that is
 * none of this form. Reads the raw headers: of two Node's `headers` shows only the first.
 */
export function bearerKey(request: IncomingMessage): { key: string } | 'missing' | 'unusable' {
  const raw = request.rawHeaders
  let header: string | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]
    if (name?.length !== 13 || name.toLowerCase() !== 'authorization') continue
    if (header !== undefined) return 'unusable'
    header = raw[i + 1]
  }
  if (header === undefined) return 'missing'
  if (header.length > longestHeader || header.slice(0, 7).toLowerCase() !== 'bearer ') return 'unusable'
  const key = header.slice(7).trim()
  return key === '' || key.includes(' ') ? 'unusable' : { key }
}
