import { statusOf } from '../http/answer.js'
import { HttpError } from '../http/error.js'
import { WechatError } from '../wechat/errors.js'

const refusal = 'this page gets no signature'

/** One refusal for whatever is wrong with the page or the account: it must not tell which accounts and domains there are. */
export function pageRefused(): HttpError {
  return new HttpError(403, refusal, {
    hint: 'url must be the page\'s location.href up to the "#", percent-encoded once, without a port, and its host on jsDomains of the account',
  })
}

/** What strangers learn of why a page could not be signed: 503 where waiting helps, 502 where somebody has to act. The rest is for the log. */
export function pageUnsigned(error: unknown): unknown {
  if (!(error instanceof WechatError)) return error
  const { retryAfter } = error
  return new HttpError(statusOf(error), 'no page can be signed now', {
    cause: error,
    hint: "the log of the hub tells why: look for 'refresh-failed'",
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}
