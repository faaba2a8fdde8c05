import type { Context } from 'koa'

/** What a client key may be allowed to do. `gateway:` scopes name a path; a `*` at the end takes in all below it. */
export type Scope = 'token' | 'ticket' | 'jssdk' | 'session' | 'metrics' | 'admin' | `gateway:${string}`

/**
 * Who may call a route:
 * - `anyone`: it gives away nothing;
 * - `wechat`: the handler itself checks WeChat's signature;
 * - `page`: the handler itself checks that a page on one of the account's domains asks;
 * - `visitor`: the handler itself checks a mini program's session, or counts who logs in;
 * - `sdk`: the handler itself checks the client, and refuses in WeChat's words;
 * - a scope: a client key with that scope (or `admin`), and for the account in the path, if there is one.
 */
export type Who = 'anyone' | 'wechat' | 'page' | 'visitor' | 'sdk' | { readonly scope: Scope }

/** One row of the hub's table of routes. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS'
  /** As koa-router takes it. A parameter named `account` is an account's name or appID. */
  readonly path: string
  readonly name: string
  readonly who: Who
  /** The account that a request is about, where the path does not name one. */
  readonly about?: (ctx: Context) => string
  readonly handle: (ctx: Context) => void | Promise<void>
}
