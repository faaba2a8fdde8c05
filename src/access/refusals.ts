import type { ErrcodeRefusal } from '../http/errcode-answer.js'
import type { HttpError } from '../http/error.js'

/** Why a caller is not let in: for the caller in WeChat's words, for the audit with the HTTP status that it amounts to. */
export interface Refused extends ErrcodeRefusal {
  readonly status: 401 | 403 | 429
}

export const forbidden: Refused = { status: 403, errcode: 48001, errmsg: 'api unauthorized' }
export const wrongSecret: Refused = {
  ...{ status: 401, errcode: 40125, errmsg: 'invalid appsecret' },
  hint: "At the hub, secret is a client's key at the hub, and it is not valid. Is it complete? Has it been revoked?",
}
export const wrongAppID: Refused = {
  ...{ status: 403, errcode: 40013, errmsg: 'invalid appid' },
  hint: 'The client may not use such an account: appid must be the AppID of one that it is for.',
}
export const noAppID: Refused = {
  ...{ status: 403, errcode: 41002, errmsg: 'appid missing' },
  hint: 'The client may use several accounts, or none: name one as appid in the query.',
}
export const wrongKey: Refused = {
  ...{ status: 401, errcode: 40001, errmsg: 'invalid credential' },
  hint: 'The client key is not valid: send exactly one header "Authorization: Bearer KEY", or an access_token of the hub.',
}
export const noToken: Refused = {
  ...{ status: 401, errcode: 41001, errmsg: 'access_token missing' },
  hint: 'Get one at /cgi-bin/token of the hub, or send "Authorization: Bearer KEY".',
}
/** 42001 and not 40001: some SDKs fetch anew at this one alone. */
export const deadHubToken: Refused = {
  ...{ status: 401, errcode: 42001, errmsg: 'access_token expired' },
  hint: 'The hub token has expired, or its client or its key has been revoked: fetch a new one.',
}
export const deadAccessToken: Refused = {
  ...{ status: 401, errcode: 40001, errmsg: 'invalid credential, access_token is invalid or not latest' },
  hint: 'The hub does not know this access_token, or knows that it is dead: fetch a new one from the hub.',
}

export function tooOften({ message, hint, retryAfter }: HttpError): Refused {
  return { status: 429, errcode: 45011, errmsg: `api minute-quota reach limit: ${message}`, hint, retryAfter }
}
