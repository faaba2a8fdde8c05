import type { Answer } from './api.js'
import type { Fetched } from './credential-options.js'
import type { Kind } from './errcodes.js'
import { ErrcodeError, UpstreamError } from './errors.js'
import { isCredential } from './record.js'

/** The credential in WeChat's answer, and how long it lives. */
export function readFetched(answer: Answer, field: 'access_token' | 'ticket'): Fetched {
  const { [field]: value, expires_in } = answer
  if (!isCredential(value)) throw unusable(field)
  if (!Number.isSafeInteger(expires_in) || Number(expires_in) <= 0) throw unusable('expires_in')
  return { value, expiresIn: Number(expires_in) }
}

/** A fetch that WeChat calls wrong stays wrong. `refused`: what it means that WeChat takes a secret or a token for wrong. */
export function asFetchError(error: unknown, refused: Kind): unknown {
  if (!(error instanceof ErrcodeError)) return error
  const { kind, errcode, errmsg } = error
  if (kind === 'token') return new ErrcodeError(errcode, errmsg, refused)
  return kind === 'request' ? new ErrcodeError(errcode, errmsg, 'permanent') : error
}

function unusable(field: string): UpstreamError {
  return new UpstreamError('UPSTREAM_GARBAGE', `WeChat answered no usable ${field}`, { delivered: true })
}
