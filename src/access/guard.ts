import type { IncomingMessage } from 'node:http'
import type { Context, Middleware } from 'koa'
import { HttpError } from '../http/error.js'
import type { Scope, Who } from '../http/route.js'
import type { Client, Clients } from './client.js'
import { allows, mayUseAll } from './scope.js'

/** What the guard has found out, for the handlers and for the request log. */
export interface GuardedState {
  client?: Client
  account?: { readonly name: string }
}

export interface GuardOptions {
  readonly clients: Pick<Clients, 'byKey'>
  /** An account by its name or its appID. */
  readonly findAccount: (nameOrAppID: string) => { readonly name: string } | undefined
}

/** Longest `Authorization` header that is looked at, in characters. */
const longestHeader = 512

/**
 * Lets through only whom the route is for. For a scope it reads `Authorization: Bearer KEY` and sets `ctx.state.client`,
 * and, where the path names an account, `ctx.state.account`. Put it after the router has set `ctx.params`.
 * @throws HttpError 401 without exactly one right key; 403 if its client may not do this or not for this account;
 *   404 for an unknown account, but only to a client that may use all: to any other it is as forbidden as the others' are.
 */
export function guard(who: Who, { clients, findAccount }: GuardOptions): Middleware {
  if (typeof who === 'string') return (_ctx, next) => next()
  return function requireScope(ctx, next) {
    const state: GuardedState = ctx.state
    const client = authenticate(ctx.req, clients)
    state.client = client
    if (!allows(client, who.scope)) throw forbidden(who.scope)
    const nameOrAppID = accountOf(ctx)
    if (nameOrAppID !== undefined) state.account = authorize(client, who.scope, findAccount(nameOrAppID))
    return next()
  }
}

function authenticate(request: IncomingMessage, clients: GuardOptions['clients']): Client {
  const key = bearerKey(request)
  if (key === undefined) {
    throw unauthorized('a client key is needed', 'send exactly one header "Authorization: Bearer KEY"')
  }
  const client = clients.byKey(key)
  if (client === undefined) throw unauthorized('the client key is not valid', 'check that the key is complete')
  return client
}

function authorize(client: Client, scope: Scope, account: { readonly name: string } | undefined) {
  if (account !== undefined && allows(client, scope, account.name)) return account
  if (account === undefined && mayUseAll(client)) throw new HttpError(404, 'there is no such account')
  throw new HttpError(403, 'the client key is not for this account', { hint: 'see "accounts" of this client' })
}

function accountOf(ctx: Context): string | undefined {
  const params: { account?: string } | undefined = ctx['params']
  return params?.account
}

/** Reads the raw headers: of two `Authorization` headers Node's `headers` shows only the first. */
function bearerKey(request: IncomingMessage): string | undefined {
  const raw = request.rawHeaders
  let header: string | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]
    if (name?.length !== 13 || name.toLowerCase() !== 'authorization') continue
    if (header !== undefined) return undefined
    header = raw[i + 1]
  }
  if (header === undefined || header.length > longestHeader) return undefined
  if (header.slice(0, 7).toLowerCase() !== 'bearer ') return undefined
  const key = header.slice(7).trim()
  return key === '' || key.includes(' ') ? undefined : key
}

function unauthorized(errmsg: string, hint: string): HttpError {
  return new HttpError(401, errmsg, { hint, headers: { 'WWW-Authenticate': 'Bearer realm="wechat-hub"' } })
}

function forbidden(scope: Scope): HttpError {
  return new HttpError(403, 'the client key may not do this', { hint: `give its client the scope "${scope}"` })
}
