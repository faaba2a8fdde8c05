import type { Answer, Api } from './api.js'
import { ErrcodeError, UpstreamError } from './errors.js'

/** Whom a mini program's login code stands for. */
export interface Login {
  readonly openid: string
  /** Signs and encrypts the user's data. It is for this program alone: not for a mini program, nor for another server [SIGN]. */
  readonly session_key: string
  /** Only where the account is bound to an open-platform account. */
  readonly unionid?: string
}

/** WeChat does not know this session_key, or has another one for the user by now [MPCS, MPRS]. */
const keyReplaced: ReadonlySet<number> = new Set([87007, 87009])

/** `GET /sns/jscode2session` [C2S]. A code works once, for 5 minutes: a failed exchange is never tried again. */
export async function exchangeCode(
  api: Api,
  { appID, appSecret }: { readonly appID: string; readonly appSecret: string },
  code: string,
): Promise<Login> {
  const query = { appid: appID, secret: appSecret, js_code: code, grant_type: 'authorization_code' }
  return readLogin(await api.call('/sns/jscode2session', { query }))
}

/** Whether WeChat's answer to `/wxa/checksession` says that the session_key is no longer the user's. */
export function isKeyReplaced(error: unknown): boolean {
  return error instanceof ErrcodeError && keyReplaced.has(error.errcode)
}

function readLogin({ openid, session_key, unionid }: Answer): Login {
  if (!isFilled(openid) || !isFilled(session_key)) {
    throw new UpstreamError('UPSTREAM_GARBAGE', 'WeChat answered no openid, or no session_key', { delivered: true })
  }
  return isFilled(unionid) ? { openid, session_key, unionid } : { openid, session_key }
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
