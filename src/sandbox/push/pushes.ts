import type { Accounts, KnownAccount } from '../accounts.js'
import type { After } from '../after.js'
import { checked, Refusal } from '../refusal.js'
import { type HandshakeReport, shakeHands } from './handshake.js'
import { Line } from './line.js'
import { completed } from './message.js'
import { MessageIDs } from './message-ids.js'
import { type HandshakeOrder, handshakeSchema, type PushOrder, pushSchema } from './orders.js'
import { stampOf, written } from './posting.js'
import { Push } from './push.js'
import { callbackOf, termsOf } from './terms.js'

export interface PushesOptions {
  accounts: Accounts
  /** The sandbox's clock: what messages are dated with. In ms since the epoch. */
  now: () => number
  /** What deliveries are measured with. In ms since the epoch. */
  wall: () => number
  after: After
}

/** WeChat's way to the callbacks: messages, events and handshakes for every account. */
export class Pushes {
  readonly #accounts: Accounts
  readonly #now: () => number
  readonly #line: Line
  readonly #ids = new MessageIDs()

  constructor({ accounts, now, wall, after }: PushesOptions) {
    this.#accounts = accounts
    this.#now = now
    this.#line = new Line({ after, wall })
  }

  /**
   * A message, ready to be sent; nothing is yet.
   * @throws Refusal that names the field which is wrong or missing, never its value.
   */
  prepare(order: PushOrder): Push {
    const { appid, url, message: given = {}, retries = 3, ...own } = checked(pushSchema, order)
    const account = this.#account(appid)
    const terms = termsOf(account, own)
    const circumstances = { appID: account.appID, now: this.#now(), nextID: () => this.#ids.next() }
    const message = completed(given, circumstances)
    const posting = { url: callbackOf(account, url), terms, message, clear: written(message, terms.format) }
    return new Push(posting, { retries, line: this.#line, now: this.#now })
  }

  /** @throws Refusal that names the field which is wrong or missing, never its value. */
  async handshake(order: HandshakeOrder): Promise<HandshakeReport> {
    const { appid, url } = checked(handshakeSchema, order)
    const account = this.#account(appid)
    const { token } = termsOf(account, {})
    return shakeHands({ url: callbackOf(account, url), token, stamp: stampOf(this.#now()) }, this.#line)
  }

  /** Cuts what is under way. Pushes can be sent again afterwards. */
  close(): Promise<void> {
    return this.#line.close()
  }

  #account(appid = this.#accounts.first()): Readonly<KnownAccount> {
    const account = appid === undefined ? undefined : this.#accounts.get(appid)
    if (account === undefined) throw new Refusal('"appid": the sandbox has no such account')
    return account
  }
}
