import { setTimeout } from 'node:timers/promises'
import type { KeyValueStore } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'
import { ErrcodeError, UpstreamError } from '../wechat/errors.js'
import type { ReadMessage } from '../wechat/push.js'
import { AccountPushes, type PushAccount } from './account-pushes.js'
import { BackEnds } from './back-ends.js'
import type { CallbackEvent } from './callback-event.js'
import { Claims } from './claims.js'
import type { Job } from './job.js'
import { Outbox } from './outbox.js'
import { Undeliverable, UnknownReceiver } from './undeliverable.js'

/** How long what is being sent is waited for at the end, in ms, and then, where others wait for it, how long what is given up. */
const longestEnd = 1_000
const longestGivingUp = 250

export interface PushesOptions {
  readonly accounts: readonly PushAccount[]
  readonly store: KeyValueStore
  readonly clock: Clock
  /** Gives numbers from 0 up to, not including, 1. */
  readonly random: () => number
  /** Told what happens to the pushes of the account with this name. */
  readonly observe: (account: string, event: CallbackEvent) => void
}

/** The pushes of all accounts of the hub. */
export class Pushes {
  readonly outbox: Outbox
  readonly #accounts: ReadonlyMap<string, AccountPushes>
  readonly #backEnds: BackEnds
  readonly #shared: boolean

  constructor({ accounts, store, clock, random, observe }: PushesOptions) {
    const names = new Map(accounts.map(({ name, wechat: { appID } }) => [appID, name]))
    this.#backEnds = new BackEnds(clock)
    this.outbox = new Outbox({
      store,
      clock,
      random,
      isFinal,
      appIDs: accounts.map(({ wechat: { appID } }) => appID),
      longest: (job) => this.#accounts.get(job.appID)?.longest(job) ?? 0,
      send: (job) => this.#send(job),
      observe: (job, event) => observe(names.get(job) ?? job, event),
    })
    const shared = { backEnds: this.#backEnds, outbox: this.outbox, clock }
    const open = (account: PushAccount) =>
      new AccountPushes({
        ...{ account, ...shared },
        claims: new Claims({ store, clock, appID: account.wechat.appID }),
        observe: (event) => observe(account.name, event),
      })
    this.#shared = store.peers !== undefined
    this.#accounts = new Map(accounts.map((account) => [account.wechat.appID, open(account)]))
  }

  /** Goes on with what an earlier process left in the outbox. */
  start(): Promise<void> {
    return this.outbox.start()
  }

  /** As `Inbox.answer`. `arrived`: in ms of the monotonic clock. */
  async answer(appID: string, push: ReadMessage, arrived: number): Promise<string | undefined> {
    return this.#accounts.get(appID)?.answer(push, arrived)
  }

  /** Lets what is being sent get there, for a second at most, and ends the rest: the store keeps what is not done. */
  async close(): Promise<void> {
    await Promise.all([...this.#accounts.values()].map((account) => account.close()))
    await this.#sent(longestEnd)
    this.#backEnds.close()
    if (this.#shared) await this.#sent(longestGivingUp)
  }

  /** Resolves when what is being sent has got there, after `ms` at the latest. */
  async #sent(ms: number): Promise<void> {
    const ended = new AbortController()
    await Promise.race([
      this.outbox.close(),
      setTimeout(ms, undefined, { signal: ended.signal }).catch(() => undefined),
    ])
    ended.abort()
  }

  async #send(job: Job): Promise<void> {
    const account = this.#accounts.get(job.appID)
    if (account === undefined) throw new UnknownReceiver('the configuration has no such account any more')
    await account.send(job)
  }
}

function isFinal(error: unknown, job: Job): boolean {
  // Of WeChat's refusals those that are about this very message stay.
  if (error instanceof ErrcodeError) return error.kind === 'request'
  // WeChat may have sent it already: once more, rather than that it is lost, but the user is not to have it ten times.
  if (error instanceof UpstreamError) return error.delivered && job.attempts > 0
  return error instanceof Undeliverable
}
