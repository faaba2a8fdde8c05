import { statusOf } from '../http/answer.js'
import { HttpError } from '../http/error.js'
import { WechatError } from '../wechat/errors.js'

/** [C2S-OLD] WeChat blocks this user as risky. */
const blocked = 40226

/** What is wrong with the code that a mini program sent. All else is between the hub and WeChat. */
const ofTheCode: ReadonlySet<number> = new Set([40029, 40163, 41008])

/** After so many seconds another try can succeed, unless the error knows it. */
const waitWhenBusy = 5
const waitForQuota = 60

/** WeChat's refusal of a login, as a mini program may see it: of the operator's problems it learns nothing. `cause` says more. */
export function refusedLogin(error: unknown): unknown {
  if (!(error instanceof WechatError)) return error
  const { errcode, message } = error
  const code = { errcode, cause: error }
  if (errcode === blocked) return new HttpError(403, message, { ...code, hint: 'Do not let this user in.' })
  if (ofTheCode.has(errcode))
    return new HttpError(400, message, {
      ...code,
      hint: 'Call wx.login again and send its code: it works once, for 5 minutes, for its own mini program.',
    })
  const retryAfter = waitAfter(error)
  if (retryAfter === undefined) {
    return new HttpError(502, 'logins are not possible until the operator has acted', {
      cause: error,
      hint: 'The log of the hub says why: see event login-failed.',
    })
  }
  return new HttpError(503, 'logins are not possible at the moment', {
    ...{ errcode: -1, cause: error, retryAfter },
    hint: 'Wait as long as Retry-After says; then call wx.login again and send its code.',
  })
}

/** WeChat's refusal of a code of the phone button, for a back end. `hint` is told unless the error has one. */
export function refusedPhone(error: unknown, hint: string): unknown {
  if (!(error instanceof WechatError)) return error
  const status = error.kind === 'request' ? 400 : statusOf(error)
  return new HttpError(status, error.message, {
    ...{ errcode: error.errcode, cause: error },
    hint: error.hint ?? hint,
    ...withRetryAfter(waitAfter(error)),
  })
}

/** In seconds; undefined: waiting does not help. */
function waitAfter({ kind, retryAfter }: WechatError): number | undefined {
  if (kind === 'quota') return retryAfter ?? waitForQuota
  return kind === 'transient' ? (retryAfter ?? waitWhenBusy) : retryAfter
}

function withRetryAfter(retryAfter: number | undefined): { retryAfter?: number } {
  return retryAfter === undefined ? {} : { retryAfter }
}
