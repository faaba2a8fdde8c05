import { createHash } from 'node:crypto'
import type { Account } from '../accounts.js'
import type { Clock } from '../wechat/clock.js'
import type { Given, Sessions } from './sessions.js'
import { refusedByWechat } from './wechat-refusal.js'

export type LoggedIn = Given & { readonly newUser: boolean }

/** How long a session can be had again with its code, in ms: for those who asked at the same time, but came a bit later. */
const memory = 5_000

/** Logins that are remembered: some MB. */
const mostRemembered = 10_000

const codeHint = 'A code works once, for 5 minutes, for its own mini program: call wx.login again and send the new one.'

interface Remembered {
  readonly login: Promise<LoggedIn>
  /** Undefined while it is under way. */
  overAt: number | undefined
}

/** Turns login codes into sessions. WeChat takes a code once: who sends the same one meanwhile gets the same session. */
export class Logins {
  readonly #sessions: Pick<Sessions, 'create'>
  readonly #clock: Pick<Clock, 'monotonic'>
  /** By a hash of the code, in the order in which they began. */
  readonly #remembered = new Map<string, Remembered>()

  constructor(sessions: Pick<Sessions, 'create'>, clock: Pick<Clock, 'monotonic'>) {
    this.#sessions = sessions
    this.#clock = clock
  }

  /** @throws {HttpError} with WeChat's errcode when it does not take the code. @throws {WechatError} when it can't be asked. */
  logIn(account: Account, code: string): Promise<LoggedIn> {
    const now = this.#clock.monotonic()
    this.#forget(now)
    const name = createHash('sha256').update(`${account.appID}\n${code}`).digest('base64url')
    const known = this.#remembered.get(name)
    if (known !== undefined && (known.overAt === undefined || now < known.overAt)) return known.login
    const remembered: Remembered = { login: this.#exchange(account, code), overAt: undefined }
    this.#remembered.set(name, remembered)
    remembered.login.then(
      () => {
        remembered.overAt = this.#clock.monotonic() + memory
      },
      () => this.#remembered.delete(name),
    )
    return remembered.login
  }

  async #exchange({ appID, wechat }: Account, code: string): Promise<LoggedIn> {
    const login = await wechat.login(code).catch((error: unknown) => {
      throw refusedByWechat(error, codeHint)
    })
    return this.#sessions.create(appID, login)
  }

  /** Those that are over, as far as none of before is under way; and the first, where there are too many. */
  #forget(now: number): void {
    for (const [name, { overAt }] of this.#remembered) {
      if (this.#remembered.size < mostRemembered && (overAt === undefined || now < overAt)) return
      this.#remembered.delete(name)
    }
  }
}
