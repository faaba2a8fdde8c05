import { createHash } from 'node:crypto'
import type { Account } from '../accounts.js'
import type { Clock } from '../wechat/clock.js'
import type { SessionKeys } from './session-keys.js'
import type { Given, Sessions } from './sessions.js'
import { refusedLogin } from './wechat-refusal.js'

export type LoggedIn = Given & { readonly newUser: boolean }

/** How long a session can be had again with its code, in ms: for those who asked at the same time, but came a bit later. */
const memory = 5_000

/** Logins that are remembered: some MB. */
const mostRemembered = 10_000

interface Remembered {
  readonly login: Promise<LoggedIn>
  /** Undefined while it is under way. */
  overAt: number | undefined
}

export interface LoginsOptions {
  readonly sessions: Pick<Sessions, 'create' | 'find'>
  readonly keys: Pick<SessionKeys, 'ready'>
  readonly clock: Pick<Clock, 'monotonic'>
}

/** Turns login codes into sessions. WeChat takes a code once: who sends the same one meanwhile gets the same session. */
export class Logins {
  readonly #options: LoginsOptions
  /** By a hash of the code, in the order in which they began. */
  readonly #remembered = new Map<string, Remembered>()

  constructor(options: LoginsOptions) {
    this.#options = options
  }

  /**
   * @throws {HttpError} with WeChat's errcode when it does not take the code; 502 or 503 when it can't be asked.
   * @throws {StoreError}
   */
  async logIn(account: Account, code: string): Promise<LoggedIn> {
    const { sessions, clock } = this.#options
    const now = clock.monotonic()
    this.#forget(now)
    const name = createHash('sha256').update(`${account.appID}\n${code}`).digest('base64url')
    const known = this.#remembered.get(name)
    if (known === undefined || (known.overAt !== undefined && now >= known.overAt))
      return this.#begin(name, account, code)
    const underWay = known.overAt === undefined
    const login = await known.login
    if (underWay || (await sessions.find(account.appID, login.session)) !== undefined) return login
    // It has been ended since: what the code is worth now WeChat says.
    if (this.#remembered.get(name) === known) this.#remembered.delete(name)
    return this.logIn(account, code)
  }

  #begin(name: string, account: Account, code: string): Promise<LoggedIn> {
    const remembered: Remembered = { login: this.#exchange(account, code), overAt: undefined }
    this.#remembered.set(name, remembered)
    remembered.login.then(
      () => {
        remembered.overAt = this.#options.clock.monotonic() + memory
      },
      () => this.#remembered.delete(name),
    )
    return remembered.login
  }

  async #exchange({ appID, wechat }: Account, code: string): Promise<LoggedIn> {
    const { sessions, keys } = this.#options
    // First: WeChat takes the code but once.
    await keys.ready()
    const login = await wechat.login(code).catch((error: unknown) => {
      throw refusedLogin(error)
    })
    return sessions.create(appID, login)
  }

  /** Those that are over, as far as none of before is under way; and the first, where there are too many. */
  #forget(now: number): void {
    for (const [name, { overAt }] of this.#remembered) {
      if (this.#remembered.size < mostRemembered && (overAt === undefined || now < overAt)) return
      this.#remembered.delete(name)
    }
  }
}
