import { opaqueToken } from './opaque.js'

/** WeChat's two ways to an access_token. Their tokens live apart and do not disturb each other [TOKEN, STABLE]. */
export type TokenEndpointName = 'token' | 'stable_token'

/** The life of a token, in seconds [TOKEN]. */
const life = 7200
/** For how long a token still works after it was replaced, in seconds [ATUSE]. */
export const changeOver = 300
/** A dead token is told from an unknown one for a day. */
const remembered = 86_400_000

/** One token, as it is kept in memory and on disk. Moments are in ms since the epoch. */
export interface IssuedToken {
  readonly access_token: string
  readonly appid: string
  readonly endpoint: TokenEndpointName
  readonly issued_at: number
  /** The end it was given when it was issued. */
  readonly expires_at: number
  /** The end it has now: earlier than `expires_at` once it was replaced. */
  readonly dies_at: number
  /** Issued by `force_refresh`. */
  readonly forced: boolean
}

/** `unknown`: never issued, or replaced and over (40001). `expired`: it reached its own end (42001). */
export type TokenVerdict = 'live' | 'unknown' | 'expired'

/** What becomes of the token before, when a new one is issued. */
export interface Replacement {
  /** Whether the present token ends now instead of 300 s later. Default false. */
  atOnce?: boolean | undefined
  /** Default false. */
  forced?: boolean | undefined
}

/** Every token that was issued, of every account and both endpoints. */
export class Tokens {
  readonly #now: () => number
  readonly #issued: () => void
  #tokens: Map<string, IssuedToken>

  constructor(options: { now: () => number; issued: () => void; tokens: readonly IssuedToken[] }) {
    this.#now = options.now
    this.#issued = options.issued
    this.#tokens = new Map(options.tokens.map((token) => [token.access_token, token]))
  }

  /** A new token. All earlier ones of that account and endpoint die 300 s from now, at once, or at their own end before. */
  issue(appID: string, endpoint: TokenEndpointName, { atOnce = false, forced = false }: Replacement = {}): IssuedToken {
    const now = this.#now()
    this.#forget(now - remembered)
    this.#replace(appID, endpoint, now + (atOnce ? 0 : changeOver * 1000))
    const end = now + life * 1000
    const names = { access_token: opaqueToken(), appid: appID, endpoint }
    const token = { ...names, issued_at: now, expires_at: end, dies_at: end, forced }
    this.#tokens.set(token.access_token, token)
    this.#issued()
    return token
  }

  /** The latest token of the endpoint while it lives. */
  current(appID: string, endpoint: TokenEndpointName): IssuedToken | undefined {
    const latest = this.#of(appID, endpoint).at(-1)
    return latest !== undefined && this.#now() < latest.dies_at ? latest : undefined
  }

  /** Whether `force_refresh` was obeyed in the last `seconds`. */
  forcedWithin(appID: string, seconds: number): boolean {
    const since = this.#now() - seconds * 1000
    return this.#of(appID, 'stable_token').some((token) => token.forced && token.issued_at > since)
  }

  find(accessToken: string): IssuedToken | undefined {
    return this.#tokens.get(accessToken)
  }

  judge(token: IssuedToken | undefined): TokenVerdict {
    const now = this.#now()
    if (token === undefined) return 'unknown'
    if (now < token.dies_at) return 'live'
    return token.dies_at < token.expires_at ? 'unknown' : 'expired'
  }

  /** Whole seconds until the token dies. */
  left(token: IssuedToken): number {
    return Math.max(0, Math.floor((token.dies_at - this.#now()) / 1000))
  }

  toJSON(): IssuedToken[] {
    return [...this.#tokens.values()]
  }

  #of(appID: string, endpoint: TokenEndpointName): IssuedToken[] {
    return [...this.#tokens.values()].filter((token) => token.appid === appID && token.endpoint === endpoint)
  }

  #replace(appID: string, endpoint: TokenEndpointName, end: number): void {
    for (const token of this.#of(appID, endpoint)) {
      if (token.dies_at > end) this.#tokens.set(token.access_token, { ...token, dies_at: end })
    }
  }

  #forget(before: number): void {
    for (const [key, token] of this.#tokens) if (token.expires_at < before) this.#tokens.delete(key)
  }
}
