import { isPlainPath } from '../http/plain-path.js'

/** Longest request target that is looked at, in characters. */
const longestTarget = 8192

/** What may stand in a query (RFC 3986), but for `;`, which some servers take for `&`. */
const plainQuery = /^[A-Za-z0-9\-._~!$&'()*+,=:@/?%]*$/

/** Names and values that mean only what they say: nothing to decode. */
const literalQuery = /^[A-Za-z0-9\-_~&=]*$/

/**
 * Names of parameters, decoded: what no server reads as another name. Some trim spaces and control characters, end at a NUL or a
 * `;`, fold look-alikes (`ſ`, full-width letters) into ASCII or decode once more.
 */
const plainName = /^[A-Za-z0-9\-._~[\]]*$/

/** A request target in the one spelling that is judged and sent on. */
export interface Target {
  readonly path: string
  /** The query without any access_token, with a `&` before each of its parts: it follows the hub's own. */
  readonly rest: string
  /** The caller's own access_token. Empty if there are several that differ: nobody can tell which one counts. */
  readonly accessToken: string | undefined
}

/** Why a request target is not taken, in words for its caller. */
export interface RefusedTarget {
  readonly refused: string
}

/**
 * Reads a request target as it came over the wire. Only one that can be understood in one way is taken: plain segments,
 * no escapes in its path, and in its query nothing that WeChat might read as another parameter than the hub does.
 */
export function readTarget(target: string): Target | RefusedTarget {
  if (target.length > longestTarget) return { refused: `the URL is longer than ${longestTarget} characters` }
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  if (!isPlainPath(path)) {
    return {
      refused: 'the path must be segments of letters, digits, "_", "-" and ".", without escapes or a slash at the end',
    }
  }
  if (mark < 0) return { path, rest: '', accessToken: undefined }
  const query = target.slice(mark + 1)
  if (!plainQuery.test(query)) {
    return {
      refused: 'the query holds a character that must be percent-encoded (UTF-8): ";", "[", or one that is not ASCII',
    }
  }
  return readQuery(path, query)
}

function readQuery(path: string, query: string): Target | RefusedTarget {
  const literal = literalQuery.test(query)
  let rest = ''
  let accessToken: string | undefined
  for (const part of query.split('&')) {
    const equals = part.indexOf('=')
    const name = equals < 0 ? part : part.slice(0, equals)
    const shown = literal ? name : decodedName(name)
    if (!isAccessToken(shown)) {
      if (!literal && !plainName.test(shown)) return { refused: unplainName(name) }
      if (equals >= 0 && part.startsWith('whk_', equals + 1))
        return { refused: 'a key of the hub must not go to WeChat' }
      if (part !== '') rest += `&${part}`
      continue
    }
    const value = equals < 0 ? '' : decoded(part.slice(equals + 1))
    accessToken = accessToken === undefined || accessToken === value ? value : ''
  }
  return { path, rest, accessToken }
}

/**
 * Whether a parameter is the access_token for the most generous of servers: in any letter case, cut at the bracket of an array,
 * and with PHP's underscores for dots and for a bracket that stays open. What else might pass for it is no plain name.
 */
function isAccessToken(name: string): boolean {
  if (name === 'access_token') return true
  if (name.length < 12) return false
  const folded = name.toLowerCase().replaceAll('.', '_')
  return folded.split('[', 1)[0] === 'access_token' || folded.replace('[', '_') === 'access_token'
}

/** A name without its escapes; one that is no UTF-8 as it is. */
function decodedName(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}

function unplainName(name: string): string {
  return `the query's parameter "${name.slice(0, 64)}" must be named with letters, digits, "_", "-", "." and "[]" only`
}

/** Some SDKs encode more than they must. No token holds a character that needs it. */
function decoded(value: string): string {
  try {
    return value.includes('%') ? decodeURIComponent(value) : value
  } catch {
    return ''
  }
}
