import type { Account } from '../accounts.js'
import { statusOf } from '../http/answer.js'
import { HttpError } from '../http/error.js'
import { WechatError } from '../wechat/errors.js'
import type { PageSignature } from '../wechat/page-signature.js'

const refusal = 'this page gets no signature'

/** One refusal for whatever is wrong with the page or the account: it must not tell which accounts and domains there are. */
export function pageRefused(): HttpError {
  return new HttpError(403, refusal, {
    hint: 'url must be the page\'s location.href up to the "#", percent-encoded once, without a port, and its host on jsDomains of the account',
  })
}

/**
 * Signs a page for strangers: why there is no ticket is for the hub's log alone.
 *
 * @throws {HttpError} 503 where waiting helps, 502 where somebody has to act.
 */
export function signPage({ wechat }: Account, url: string): Promise<PageSignature> {
  return wechat.signUrl(url).catch(explain)
}

function explain(error: unknown): never {
  if (!(error instanceof WechatError)) throw error
  const { retryAfter } = error
  throw new HttpError(statusOf(error), 'no page can be signed now', {
    cause: error,
    hint: "the log of the hub tells why: look for 'refresh-failed'",
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}
