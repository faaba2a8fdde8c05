import { createHash } from 'node:crypto'
import type { Account } from '../accounts.js'
import type { HttpError } from '../http/error.js'
import type { Clock } from '../wechat/clock.js'
import { decryptUserData, verifyUserData } from '../wechat/user-data.js'
import { KeyChecks } from './key-checks.js'
import { dataOfOtherApp, dataTampered, dataTooOld, sessionKeyReplaced } from './session-refusal.js'
import type { Found, Sessions } from './sessions.js'

/** How it went, for the metrics. */
export type UserDataOutcome = 'ok' | 'tampered' | 'other-app' | 'too-old' | 'key-replaced'

export interface UserDataOptions {
  readonly sessions: Pick<Sessions, 'sessionKeyOf'>
  readonly clock: Clock
  /** In seconds; 0: any age. */
  readonly maxAge: number
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

  /** @throws {HttpError} that tells data that is wrong from a session_key that has been replaced. */
  async decrypt(account: Account, session: Found, encryptedData: string, iv: string) {
    const { clock, maxAge, observe } = this.#options
    const key = this.#keyOf(account, session)
    const made = { appID: account.appID, now: clock.now(), maxAge }
    const opened = decryptUserData(key, encryptedData, iv, made)
    if (!opened.ok && opened.reason !== 'tampered') {
      observe(account, opened.reason)
      throw opened.reason === 'other-app' ? dataOfOtherApp() : dataTooOld()
    }
    // The cipher has no checksum: an openid can be what its first block was turned into.
    if (!opened.ok || isOfAnother(session, opened.data)) throw await this.#failure(account, session, key)
    observe(account, 'ok')
    return { data: opened.data, timestamp: opened.timestamp }
  }

  /** @throws {HttpError} as `decrypt`, when the signature is not that of the data. */
  async verify(account: Account, session: Found, rawData: string, signature: string): Promise<void> {
    const key = this.#keyOf(account, session)
    if (!verifyUserData(key, rawData, signature)) throw await this.#failure(account, session, key)
    this.#options.observe(account, 'ok')
  }

  /** A session_key that nobody can read any more is as good as replaced. */
  #keyOf(account: Account, session: Found): string {
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

function isOfAnother({ openid }: Found, data: Readonly<Record<string, unknown>>): boolean {
  return data['openId'] !== undefined && data['openId'] !== openid
}
