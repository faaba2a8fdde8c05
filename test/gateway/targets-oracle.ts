import { parse } from 'node:querystring'
import type { Recorded } from './recording-upstream.js'

/** Written anew, and with suspicion: it shares no line with the code that it judges. */
const credentialPaths = [
  'cgi-bin/token',
  'cgi-bin/stable_token',
  'cgi-bin/ticket',
  'cgi-bin/clear_quota',
  'cgi-bin/component',
  'cgi-bin/openapi/quota/clear',
  'cgi-bin/openapi/rid/get',
  'sns',
  'tcb/getqcloudtoken',
  'wxa/business/getuserencryptkey',
  'wxa/checksession',
  'wxa/resetusersessionkey',
]

/** The path in the sense of the most generous server: unescaped often, without parameters, dots resolved, in lower case. */
export function leniently(path: string): string {
  let text = path
  for (let times = 0; times < 4; times += 1) text = text.replaceAll(/%([0-9a-f]{2})/gi, (_all, hex) => char(hex))
  const segments: string[] = []
  for (const each of text.normalize('NFKC').toLowerCase().split(/[/\\]/)) {
    const segment = each.replace(/[;?#\0].*$/s, '').replace(/[\s\p{Cc}]+/gu, '')
    if (segment === '..') segments.pop()
    else if (segment.replace(/\.+$/, '') !== '') segments.push(segment.replace(/\.+$/, ''))
  }
  return segments.join('/')
}

function char(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16))
}

/** Whether some server might take this for a path that mints, shows or breaks credentials. */
export function isCredentialPath(path: string): boolean {
  const meant = leniently(path)
  return credentialPaths.some((guarded) => meant === guarded || meant.startsWith(`${guarded}/`))
}

/** Every name that some server might read out of a query, undecoded further. */
export function namesIn(query: string): string[] {
  const fixed = query.replaceAll('+', ' ')
  const names = [...new URLSearchParams(query).keys(), ...Object.keys(parse(query)), ...Object.keys(parse(query, ';'))]
  for (const separated of [query, fixed].flatMap((text) => text.split(/[&;]/)))
    names.push(separated.split('=')[0] ?? '')
  return names
}

/** Whether a name might pass for `access_token` somewhere: unescaped again, trimmed, folded, with PHP's underscores. */
export function meansAccessToken(name: string): boolean {
  let text = name
  for (let times = 0; times < 3; times += 1)
    text = text.replaceAll(/%(?:u00)?([0-9a-f]{2})/gi, (_all, hex) => char(hex))
  const upper = text.normalize('NFKC').toUpperCase()
  const bare = upper.replaceAll(/[\s\p{Cc}\p{Cf}]/gu, '')
  const trimmed = upper.replaceAll(/^[\s\p{Cc}\p{Cf}]+|[\s\p{Cc}\p{Cf}]+$/gu, '')
  return [bare, trimmed]
    .flatMap((each) => [each, each.replace(/[[;,\0].*$/s, '')])
    .some((each) => each.replaceAll(/[.[\s]/g, '_') === 'ACCESS_TOKEN')
}

/** Why a request must not have reached WeChat; nothing if it may have. `path` is the one that the caller sent. */
export function faultOf(
  { target, headers }: Recorded,
  { path, token, host, scope }: { path: string; token: string; host: string; scope: string },
): string | undefined {
  const mark = target.indexOf('?')
  const [seenPath, query] = [target.slice(0, mark), target.slice(mark + 1)]
  if (mark < 0) return 'there is no query'
  if (seenPath !== path) return `the path is not ${path}`
  if (!seenPath.startsWith(scope)) return 'the path is not under the scope'
  if (`/${leniently(seenPath)}` !== seenPath.toLowerCase().replaceAll(/\.+(?=\/|$)/g, ''))
    return 'the path has two meanings'
  if (isCredentialPath(seenPath)) return 'the path is guarded'
  const url = new URL(seenPath, `http://${host}`)
  if (url.host !== host || url.pathname !== seenPath) return 'the path leads elsewhere'
  if (
    headers
      .filter(([name]) => name === 'host')
      .map(([, value]) => value)
      .join() !== host
  )
    return 'the host is wrong'
  return faultOfQuery(query, token)
}

/** Why a query must not have reached WeChat. */
export function faultOfQuery(query: string, token: string): string | undefined {
  const begin = `access_token=${token}`
  if (query !== begin && !query.startsWith(`${begin}&`)) return 'it does not begin with the real access_token'
  const others = namesIn(query.slice(begin.length + 1))
  const other = others.find(meansAccessToken)
  return other === undefined ? undefined : `${JSON.stringify(other)} is an access_token too`
}
