import type { Api, Deadline } from './api.js'
import type { FetchContext, Fetched } from './credential-options.js'
import { UpstreamError, WechatError } from './errors.js'
import { asFetchError, readFetched } from './fetched.js'
import type { FetchLimits, Governor } from './governor.js'

/** WeChat's two ways to an access_token. Their tokens live apart and do not disturb each other [TOKEN, STABLE]. */
export type TokenEndpointName = 'token' | 'stable_token'

/** How to fetch an access_token from one endpoint, and what that does to the one before. */
export interface TokenEndpoint {
  /** Whether a fetch ends the previous token. */
  readonly exclusive: boolean
  fetch(context: FetchContext): Promise<Fetched>
}

interface Identity {
  readonly appID: string
  readonly appSecret: string
}

/** The bounds of P5 for an endpoint, given the day's quota that WeChat grants the account. */
export function limitsOf(endpoint: TokenEndpointName, daily: number): FetchLimits {
  // [STABLE] force mode: 20 a day, 30 s apart.
  if (endpoint === 'stable_token') return { daily, forcedDaily: 20, forcedGap: 30_000 }
  // Half of the day stays with the scheduled refreshes, whatever is reported.
  return { daily, forcedDaily: Math.floor(daily / 2), forcedGap: 10_000 }
}

/** `GET /cgi-bin/token`: each fetch issues a new token; the previous one lives 300 s on [TOKEN, ATUSE]. */
export function tokenEndpoint(api: Api, identity: Identity, governor: Governor): TokenEndpoint {
  const query = { grant_type: 'client_credential', appid: identity.appID, secret: identity.appSecret }
  return {
    exclusive: true,
    fetch: ({ forced, deadline }) =>
      admitted(governor, forced, async () => {
        const { answer, issued } = await api.dated('/cgi-bin/token', { query, deadline })
        return { ...readFetched(answer, 'access_token'), issued }
      }),
  }
}

/**
 * `POST /cgi-bin/stable_token`: the same token until WeChat rolls it in its last five minutes [STABLE]. Force mode is used
 * only when WeChat goes on giving the token that it refuses.
 */
export function stableTokenEndpoint(api: Api, identity: Identity, governor: Governor): TokenEndpoint {
  const json = { grant_type: 'client_credential', appid: identity.appID, secret: identity.appSecret }
  const post = (forced: boolean, deadline: Deadline) =>
    admitted(governor, forced, async () => {
      const call = { json: { ...json, force_refresh: forced }, deadline }
      return readFetched(await api.call('/cgi-bin/stable_token', call), 'access_token')
    })
  return {
    exclusive: false,
    fetch: async ({ rejected, deadline }) => {
      const fetched = await post(false, deadline)
      return fetched.value === rejected ? post(true, deadline) : fetched
    },
  }
}

async function admitted(governor: Governor, forced: boolean, fetch: () => Promise<Fetched>): Promise<Fetched> {
  await governor.admit(forced)
  try {
    return await fetch()
  } catch (error) {
    // Without the lock another process may be counting: what was called off stays counted.
    if (error instanceof WechatError && error.code === 'LOCK_BUSY') throw error
    await governor.failed(forced, !(error instanceof UpstreamError) || error.delivered)
    // On a token fetch 40001 means the secret (PROTOCOL section 10).
    throw asFetchError(error, 'permanent')
  }
}
