import type { Account } from '../accounts.js'
import type { Clock } from '../wechat/clock.js'
import type { Held } from '../wechat/held.js'

/** WeChat is asked at most this often, in ms. */
const gap = 5_000

/** An SDK waits no longer for what WeChat says, in ms; then it gets the present token, which most likely lives. */
const patience = 2_000

interface Report {
  readonly value: string
  /** By the monotonic clock, in ms. */
  readonly at: number
  readonly answer: Promise<Held>
}

/**
 * SDKs cannot say that WeChat refused a token: they just fetch again. So a fetch by a client that was given the same
 * access_token before counts as such a report (P5). None of them waits for the next time that WeChat may be asked: SDKs have
 * no patience.
 */
export class Refetches {
  readonly #clock: Clock
  /** Which access_token each client was given last. */
  readonly #given = new WeakMap<Account, Map<string, string>>()
  readonly #reports = new WeakMap<Account, Report>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * The access_token for a client that fetches it.
   *
   * @throws {CredentialUnavailable} as `Credential.get` does.
   */
  async fetch(account: Account, client: string, forced: boolean): Promise<Held> {
    const given = this.#givenOf(account)
    // As it was when the client asked: first fetches that come together, as from an SDK that starts, report nothing.
    const before = given.get(client)
    let held = await account.wechat.accessToken.get()
    if (forced || before === held.value) held = await this.#report(account, held, client)
    given.set(client, held.value)
    return held
  }

  #report(account: Account, held: Held, client: string): Promise<Held> {
    const { value } = held
    const last = this.#reports.get(account)
    const at = this.#clock.monotonic()
    if (last?.value === value && at - last.at < gap) return last.answer
    const noticedBy = `a second fetch by client ${client}`
    const answer = this.#soon(account.wechat.accessToken.reject(value, noticedBy, { wait: false }), held)
    const report = { value, at, answer }
    this.#reports.set(account, report)
    // What failed once may succeed at once.
    answer.catch(() => {
      if (this.#reports.get(account) === report) this.#reports.delete(account)
    })
    return answer
  }

  async #soon(answering: Promise<Held>, otherwise: Held): Promise<Held> {
    let callOff: () => void = () => undefined
    const timeUp = new Promise<Held>((resolve) => {
      callOff = this.#clock.after(patience, () => resolve(otherwise))
    })
    return Promise.race([answering, timeUp]).finally(callOff)
  }

  #givenOf(account: Account): Map<string, string> {
    const known = this.#given.get(account)
    if (known !== undefined) return known
    const given = new Map<string, string>()
    this.#given.set(account, given)
    return given
  }
}
