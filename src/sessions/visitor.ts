import type { Context } from 'koa'
import type { Account } from '../accounts.js'
import type { HttpError } from '../http/error.js'
import type { Tally } from '../http/tally.js'
import { sessionEnded, sessionMissing, tooManyCalls } from './session-refusal.js'
import type { Found, Sessions } from './sessions.js'

/** Renewals, and data to be deciphered or checked, of one user in a minute. */
export const mostCalls = 60

export interface VisitorsOptions {
  readonly sessions: Pick<Sessions, 'find'>
  /** Counts calls by user, whatever the session. */
  readonly calls: Pick<Tally, 'count'>
  /** Lets in a back end with the scope `session` for the account in the path. @throws {HttpError} */
  admitBackEnd(ctx: Context): Promise<void>
  /** Counts a visitor that shows no living session, by address. Answers the refusal if it is one too many. */
  tooMany(ctx: Context): Promise<HttpError | undefined>
  /** Told of each request that is not let in. */
  refused(ctx: Context, refusal: HttpError): void
}

/** A living session, and who shows it. */
export interface Visitor {
  readonly session: Found
  /** As it was sent. */
  readonly text: string
  readonly isBackEnd: boolean
}

/** Who asks about a session: the mini program that it belongs to, or a back end that the mini program has sent it to. */
export class Visitors {
  readonly #options: VisitorsOptions

  constructor(options: VisitorsOptions) {
    this.#options = options
  }

  /**
   * A mini program sends the session as `Authorization: Bearer SESSION`; a back end sends its key there and the session as
   * `X-Session`.
   *
   * @throws {HttpError} 401 where there is no living session; as the guard for a back end; 429 beyond the limit.
   */
  async admit(ctx: Context, { appID }: Account): Promise<Visitor> {
    const isBackEnd = ctx.req.headers['x-session'] !== undefined
    if (isBackEnd) await this.#options.admitBackEnd(ctx)
    const text = isBackEnd ? ctx.get('x-session') : bearerOf(ctx)
    const session = text === undefined ? undefined : await this.#options.sessions.find(appID, text)
    if (text !== undefined && session !== undefined) return { session, text, isBackEnd }
    throw await this.#refusal(ctx, text === undefined ? sessionMissing() : sessionEnded(), isBackEnd)
  }

  /** As `admit`, for what costs more than a look. @throws {HttpError} also 429 when it was asked too often for this user. */
  async admitToWork(ctx: Context, account: Account): Promise<Visitor> {
    const visitor = await this.admit(ctx, account)
    const name = `${account.appID}/${visitor.session.openid}`
    const wait = this.#options.calls.count(name)
    if (wait === undefined) return visitor
    const refusal = tooManyCalls(wait)
    this.#options.refused(ctx, refusal)
    throw refusal
  }

  /** Counts who names an account that is none. @throws {HttpError} as the guard for a back end; 429 beyond the limit. */
  async stray(ctx: Context): Promise<void> {
    if (ctx.req.headers['x-session'] === undefined) await this.limit(ctx)
    else await this.#options.admitBackEnd(ctx)
  }

  /** @throws {HttpError} 429 when too many visitors without a session came from the address. */
  async limit(ctx: Context): Promise<void> {
    const refusal = await this.#options.tooMany(ctx)
    if (refusal === undefined) return
    this.#options.refused(ctx, refusal)
    throw refusal
  }

  /** A back end has shown a right key: how many sessions of its users have ended is not held against its address. */
  async #refusal(ctx: Context, unauthorized: HttpError, isBackEnd: boolean): Promise<HttpError> {
    const refusal = isBackEnd ? unauthorized : ((await this.#options.tooMany(ctx)) ?? unauthorized)
    if (!isBackEnd) this.#options.refused(ctx, refusal)
    return refusal
  }
}

/** A session in `Authorization`. What is no session there, such as a client key, is none at all. */
function bearerOf(ctx: Context): string | undefined {
  const [, session] = /^bearer +(whs_\S+)$/i.exec(ctx.get('authorization')) ?? []
  return session
}
