import type { IncomingMessage } from 'node:http'
import type { Context, Middleware } from 'koa'
import { callerAddress } from '../http/caller-address.js'
import { HttpError } from '../http/error.js'
import type { Scope, Who } from '../http/route.js'
import { bearerKey } from './bearer.js'
import type { Client, Clients } from './client.js'
import type { Limits } from './limits.js'
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
  /** How often one may ask. Default: as often as one likes. */
  readonly limits?: Pick<Limits, 'client' | 'stranger'>
  /** Told of each request that is not let through. */
  readonly refused?: (ctx: Context, refusal: HttpError) => void
}

/**
 * Lets through only whom the route is for. For a scope it reads `Authorization: Bearer KEY` and sets `ctx.state.client`,
 * and, where the path names an account, `ctx.state.account`. Put it after the router has set `ctx.params`.
 * @throws HttpError 401 without exactly one right key; 403 if its client may not do this or not for this account;
 *   404 for an unknown account, but only to a client that may use all: to any other it is as forbidden as the others' are;
 *   429 beyond the limits. A right key is never held up by others that come from the same address with wrong ones.
 */
export function guard(who: Who, options: GuardOptions): Middleware {
  if (typeof who === 'string') return (_ctx, next) => next()
  return function requireScope(ctx, next) {
    const client = authenticate(ctx.req, options.clients)
    // The key was looked at first: what is counted here is only who has shown none that is right.
    if (client instanceof HttpError) return turnAway(ctx, client, options)
    const refusal = admit(ctx, client, who.scope, options)
    if (refusal === undefined) return next()
    options.refused?.(ctx, refusal)
    throw refusal
  }
}

async function turnAway(ctx: Context, wrongKey: HttpError, { limits, refused }: GuardOptions): Promise<never> {
  const refusal = (await limits?.stranger(callerAddress(ctx))) ?? wrongKey
  refused?.(ctx, refusal)
  throw refusal
}

/** Why the client is not let in, if it is not. */
function admit(ctx: Context, client: Client, scope: Scope, options: GuardOptions): HttpError | undefined {
  const { findAccount, limits } = options
  const state: GuardedState = ctx.state
  state.client = client
  const tooMany = limits?.client(client.name)
  if (tooMany !== undefined) return tooMany
  if (!allows(client, scope)) return forbidden(scope)
  const nameOrAppID = accountOf(ctx)
  if (nameOrAppID === undefined) return undefined
  const account = findAccount(nameOrAppID)
  if (account === undefined || !allows(client, scope, account.name)) return notFor(client, account)
  state.account = account
  return undefined
}

function authenticate(request: IncomingMessage, clients: GuardOptions['clients']): Client | HttpError {
  const found = bearerKey(request)
  if (typeof found === 'string') {
    return unauthorized('a client key is needed', 'send exactly one header "Authorization: Bearer KEY"')
  }
  return clients.byKey(found.key) ?? unauthorized('the client key is not valid', 'check that the key is complete')
}

function notFor(client: Client, account: { readonly name: string } | undefined): HttpError {
  if (account === undefined && mayUseAll(client)) return new HttpError(404, 'there is no such account')
  return new HttpError(403, 'the client key is not for this account', { hint: 'see "accounts" of this client' })
}

function accountOf(ctx: Context): string | undefined {
  const params: { account?: string } | undefined = ctx['params']
  return params?.account
}

function unauthorized(errmsg: string, hint: string): HttpError {
  return new HttpError(401, errmsg, { hint, headers: { 'WWW-Authenticate': 'Bearer realm="wechat-hub"' } })
}

function forbidden(scope: Scope): HttpError {
  return new HttpError(403, 'the client key may not do this', { hint: `give its client the scope "${scope}"` })
}
