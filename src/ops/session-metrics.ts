import { Counter, type Registry } from 'prom-client'
import type { Account } from '../accounts.js'

/** The metrics of mini programs' logins. */
export class SessionMetrics {
  readonly #logins
  readonly #renewals
  readonly #ended
  readonly #userData

  constructor(registry: Registry) {
    const registers = [registry]
    this.#logins = new Counter({
      name: 'wechat_hub_logins_total',
      help: 'Logins of mini programs. outcome: new-user, known-user, or the code of the error: ERRCODE when WeChat refuses the login code, UPSTREAM_… when it could not be asked, FAILED otherwise',
      labelNames: ['account', 'outcome'],
      registers,
    })
    this.#renewals = new Counter({
      name: 'wechat_hub_session_renewals_total',
      help: 'Sessions of mini programs that were renewed',
      labelNames: ['account'],
      registers,
    })
    this.#ended = new Counter({
      name: 'wechat_hub_sessions_ended_total',
      help: 'Sessions of mini programs that were ended before their time. cause: logout, all (of a user) or forgotten (with all that is stored about a user)',
      labelNames: ['account', 'cause'],
      registers,
    })
    this.#userData = new Counter({
      name: 'wechat_hub_user_data_total',
      help: "Users' data that was deciphered, or whose signature was checked. outcome: ok, tampered, other-app, too-old, key-replaced, or too-many (not looked at: too much was wrong)",
      labelNames: ['account', 'outcome'],
      registers,
    })
  }

  login({ name: account }: Account, outcome: string): void {
    this.#logins.inc({ account, outcome })
  }

  renewed({ name: account }: Account): void {
    this.#renewals.inc({ account })
  }

  ended({ name: account }: Account, cause: string, count: number): void {
    this.#ended.inc({ account, cause }, count)
  }

  userData({ name: account }: Account, outcome: string): void {
    this.#userData.inc({ account, outcome })
  }
}
