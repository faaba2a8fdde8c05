import { isPlainPath } from '../http/plain-path.js'
import type { Scope } from '../http/route.js'
import type { Client } from './client.js'

const plainScopes: ReadonlySet<string> = new Set(['token', 'ticket', 'jssdk', 'session', 'metrics', 'admin'])
const gateway = 'gateway:'
const longestScope = 256

/**
 * Whether the text is a scope that the hub knows: a plain one, `gateway:/path`, or `gateway:/path/*`, which takes in
 * everything below `/path/`. At most 256 characters; paths hold plain segments only (no `.` or `..`, no escapes).
 */
export function isScope(text: string): text is Scope {
  if (text.length > longestScope) return false
  if (!text.startsWith(gateway)) return plainScopes.has(text)
  const path = text.slice(gateway.length)
  return path === '/*' || isPlainPath(path.endsWith('/*') ? path.slice(0, -2) : path)
}

/**
 * Whether the client may do what the scope names; with an account's name, whether it may do it for that account.
 * `admin` is everything, for the client's accounts.
 */
export function allows(client: Pick<Client, 'accounts' | 'scopes'>, scope: Scope, accountName?: string): boolean {
  if (accountName !== undefined && !mayUse(client, accountName)) return false
  return client.scopes.some((held) => held === 'admin' || held === scope || takesIn(held, scope))
}

/** Whether the client may call this path of WeChat's for the account because a scope names the path itself: no wildcard, no `admin`. */
export function allowsExactly(client: Pick<Client, 'accounts' | 'scopes'>, path: string, accountName: string): boolean {
  return mayUse(client, accountName) && client.scopes.includes(`${gateway}${path}`)
}

/**
 * Whether the client, when it asks as an SDK does, gets WeChat's own access_token: only if its scopes name `token`. `admin` may
 * have it elsewhere; here a hub token does the same.
 */
export function getsRealToken(client: Pick<Client, 'accounts' | 'scopes'>, accountName: string): boolean {
  return mayUse(client, accountName) && client.scopes.includes('token')
}

/** Whether the client may call some of WeChat's paths through the gateway. */
export function hasGateway({ scopes }: Pick<Client, 'scopes'>): boolean {
  return scopes.some((held) => held === 'admin' || held.startsWith(gateway))
}

/** Whether the client may use every account, those that do not exist yet included. */
export function mayUseAll(client: Pick<Client, 'accounts'>): boolean {
  return client.accounts.includes('*')
}

/** Whether the client may use the account with this name. */
export function mayUse(client: Pick<Client, 'accounts'>, accountName: string): boolean {
  return mayUseAll(client) || client.accounts.includes(accountName)
}

/** Compared as whole strings up to a slash: `/cgi-bin/message/*` takes in `/cgi-bin/message/a`, not `/cgi-bin/messages`. */
function takesIn(held: Scope, wanted: Scope): boolean {
  if (!held.startsWith(gateway) || !held.endsWith('/*') || !wanted.startsWith(held.slice(0, -1))) return false
  return isPlainPath(wanted.slice(gateway.length))
}
