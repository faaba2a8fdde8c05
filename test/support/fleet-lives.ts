import type { Context, Middleware, Next } from 'koa'
import type { Sandbox } from '../../src/sandbox/sandbox.js'
import type { IssuedToken } from '../../src/sandbox/tokens.js'

/** [ATUSE] So long WeChat takes a token beside the one that replaced it, in ms. */
const realChangeOver = 300_000

/** In seconds. */
export interface Lives {
  /** How long a token lives; WeChat's live for 7200. */
  readonly life: number
  /** For how long it works after it was replaced; with WeChat for 300. More than half a life: hubs refresh in the middle of it. */
  readonly changeOver: number
}

/** As WeChat's. */
export const realLives: Lives = { life: 7200, changeOver: 300 }

/**
 * Has the tokens of a sandbox live for seconds, in which as much happens as with WeChat in hours. A hub refreshes in the middle
 * of so short a life.
 */
export class TokenLives {
  readonly #sandbox: Sandbox
  readonly #lives: Lives
  readonly #appIDs: readonly string[]

  /** `appIDs`: of the accounts that use `stable_token`. */
  constructor(sandbox: Sandbox, lives: Lives, appIDs: readonly string[]) {
    this.#sandbox = sandbox
    this.#lives = lives
    this.#appIDs = appIDs
  }

  /** To stand in front of the sandbox. */
  get middleware(): Middleware {
    return (ctx, next) => this.#serve(ctx, next)
  }

  /** Whether WeChat took the token at that time, in ms since the epoch. One that it never gave does not live. */
  wasLive(accessToken: string, at: number): boolean {
    const token = this.#sandbox.tokens.find(accessToken)
    return token !== undefined && at < this.#endOf(token)
  }

  #endOf({ issued_at, expires_at, dies_at }: IssuedToken): number {
    const { life, changeOver } = this.#lives
    const end = issued_at + life * 1000
    return dies_at < expires_at ? Math.min(end, dies_at - realChangeOver + changeOver * 1000) : end
  }

  async #serve(ctx: Context, next: Next): Promise<void> {
    const bearer = ctx.query['access_token']
    const used = typeof bearer === 'string' ? this.#sandbox.tokens.find(bearer) : undefined
    if (used !== undefined && this.#msLeft(used) <= 0) {
      const isReplaced = used.dies_at < used.expires_at
      ctx.body = { errcode: isReplaced ? 40001 : 42001, errmsg: 'the access_token has ended' }
      return
    }
    if (ctx.path === '/cgi-bin/stable_token' && this.#lives !== realLives) this.#roll()
    await next()
    if (isGiven(ctx.body)) ctx.body = { ...ctx.body, expires_in: this.#secondsLeft(ctx.body.access_token) }
  }

  /** In the last part of its life `stable_token` gives the next one. */
  #roll(): void {
    const { tokens } = this.#sandbox
    for (const appID of this.#appIDs) {
      const current = tokens.current(appID, 'stable_token')
      if (current !== undefined && this.#msLeft(current) <= this.#lives.changeOver * 1000)
        tokens.issue(appID, 'stable_token')
    }
  }

  #secondsLeft(accessToken: string): number {
    const token = this.#sandbox.tokens.find(accessToken)
    return token === undefined ? 0 : Math.max(0, Math.floor(this.#msLeft(token) / 1000))
  }

  #msLeft(token: IssuedToken): number {
    return this.#endOf(token) - this.#sandbox.clock.now()
  }
}

function isGiven(body: unknown): body is { readonly access_token: string } {
  return typeof body === 'object' && body !== null && 'access_token' in body && 'expires_in' in body
}
