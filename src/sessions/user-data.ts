import { createHash } from 'node:crypto'
import type { Account } from '../accounts.js'
import type { HttpError } from '../http/error.js'
import type { Tally } from '../http/tally.js'
import type { Clock } from '../wechat/clock.js'
import { decryptUserData, verifyUserData } from '../wechat/user-data.js'
import { KeyChecks } from './key-checks.js'
import { dataOfOtherApp, dataTampered, dataTooOld, sessionKeyReplaced, tooManyFailures } from './session-refusal.js'
import type { Found, Sessions } from './sessions.js'

/**
 * So often a minute the data of a user may be wrong; then no more is looked at. WeChat's cipher has no checksum: with about a million
 * tries data can be made up that passes.
 */
export const mostFailures = 20

/** How it went, for the metrics. */
export type UserDataOutcome = 'ok' | 'tampered' | 'other-app' | 'too-old' | 'key-replaced' | 'too-many'

export interface UserDataOptions {
  readonly sessions: Pick<Sessions, 'sessionKeyOf'>
  readonly clock: Clock
  /** In seconds; 0: any age. */
  readonly maxAge: number
  /** Counts failures by user, whatever the session: neither a renewal nor a login gives more tries. */
  readonly failures: Pick<Tally, 'count' | 'wait'>
  observe(account: Account, outcome: UserDataOutcome): void
}

/** Opens and checks what a mini program was given about its user. The session_key stays here (P9). */
export class UserData {
  readonly #options: UserDataOptions
  readonly #checks: KeyChecks

  constructor(options: UserDataOptions) {
    this.#options = options
    this.#checks = new KeyChecks(options.clock)
  }

  /** @throws {HttpError} that tells data that is wrong from a session_key that has been replaced; 429 after too much that is wrong. */
  async decrypt(account: Account, session: Found, encryptedData: string, iv: string) {
    const { clock, maxAge, observe } = this.#options
    const key = this.#keyOf(account, session)
    const made = { appID: account.appID, now: clock.now(), maxAge }
    const opened = decryptUserData(key, encryptedData, iv, made)
    const isWrong = !opened.ok || isOfAnother(session, opened.data)
    if (isWrong) this.#options.failures.count(nameOf(account, session))
    if (!opened.ok && opened.reason !== 'tampered') {
      observe(account, opened.reason)
      throw opened.reason === 'other-app' ? dataOfOtherApp() : dataTooOld()
    }
    if (isWrong) throw await this.#failure(account, session, key)
    observe(account, 'ok')
    return { data: opened.data, timestamp: opened.timestamp }
  }

  /** @throws {HttpError} as `decrypt`, when the signature is not that of the data. */
  async verify(account: Account, session: Found, rawData: string, signature: string): Promise<void> {
    const key = this.#keyOf(account, session)
    if (!verifyUserData(key, rawData, signature)) {
      this.#options.failures.count(nameOf(account, session))
      throw await this.#failure(account, session, key)
    }
    this.#options.observe(account, 'ok')
  }

  /** A session_key that nobody can read any more is as good as replaced. @throws {HttpError} 409, 429 */
  #keyOf(account: Account, session: Found): string {
    const wait = this.#options.failures.wait(nameOf(account, session))
    if (wait !== undefined) {
      this.#options.observe(account, 'too-many')
      throw tooManyFailures(wait)
    }
    const key = this.#options.sessions.sessionKeyOf(account.appID, session)
    if (key !== undefined) return key
    this.#options.observe(account, 'key-replaced')
    throw sessionKeyReplaced()
  }

  /** One answer for whatever may be wrong, unless WeChat says that the session_key is another one by now. */
  async #failure({ wechat, ...account }: Account, { openid }: Found, key: string): Promise<HttpError> {
    // Renewals keep the session_key: they do not buy another question.
    const name = createHash('sha256').update(`${account.appID}\n${openid}\n${key}`).digest('base64url')
    const living = await this.#checks.isLiving(name, () => wechat.checkSessionKey(openid, key))
    this.#options.observe({ wechat, ...account }, living ? 'tampered' : 'key-replaced')
    return living ? dataTampered() : sessionKeyReplaced()
  }
}

/** The cipher has no checksum: an openid can be what its first block was turned into. */
function isOfAnother({ openid, unionid }: Found, { openId, unionId }: Readonly<Record<string, unknown>>): boolean {
  const isOtherUnion = unionid !== undefined && unionId !== undefined && unionId !== unionid
  return (openId !== undefined && openId !== openid) || isOtherUnion
}

function nameOf({ appID }: Account, { openid }: Found): string {
  return `${appID}/${openid}`
}
