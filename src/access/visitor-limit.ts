import { HttpError } from '../http/error.js'
import { Limits, type LimitsParts } from './limits.js'

/** How many logins, and requests with a session that has ended, come from one address in a minute; as `Limits` counts. */
export class VisitorLimit {
  readonly #limits: Limits

  /** `perMinute` 0: any number. */
  constructor(perMinute: number, parts: LimitsParts) {
    this.#limits = new Limits({ clientPerMinute: 0, refusedPerMinute: perMinute, name: 'visitor' }, parts)
  }

  /** Counts one, and answers the refusal if it is one too many. */
  async tooMany(address: string): Promise<HttpError | undefined> {
    const refusal = await this.#limits.stranger(address)
    if (refusal?.retryAfter === undefined) return undefined
    const hint = 'Renew sessions in place of logging in; or raise limits.loginsPerMinute.'
    return new HttpError(429, 'too many logins came from this address', { retryAfter: refusal.retryAfter, hint })
  }
}
