import type { Clock } from '../wechat/clock.js'
import type { AccountType } from '../wechat/options.js'
import { readReplyXml } from '../wechat/reply.js'
import type { Forwarded } from './back-end.js'
import type { CallbackEvent } from './callback-event.js'
import type { Claims } from './claims.js'
import type { Handling } from './handling.js'
import type { Made, Sharing } from './sharing.js'

/** A reply that waits for a retry is sent another way if none comes within this time, in ms. */
export const longestWaitForRetry = 15_000

/** Where replies go that came too late to be passive. */
export interface LateReplies {
  /** From now on a reply is due: it must not be forgotten, even if this process ends. */
  expect(forwarded: Forwarded): Promise<void>
  /** The reply that was due, or that mini programs take no other way; empty if there was none after all. */
  sendLate(forwarded: Forwarded, reply: string): Promise<void>
}

export interface RepliesOptions {
  readonly type: AccountType
  readonly clock: Clock
  readonly lateReplies: LateReplies
  /** What was handled before this process began. Default: nothing is known of it. */
  readonly claims?: Claims
  /** `undefined`: no other process gets deliveries of the same pushes. */
  readonly sharing: Sharing | undefined
  readonly observe: (event: CallbackEvent) => void
}

/** Ends the handling of pushes: each reply is there for the deliveries, or goes another way. */
export class Replies {
  readonly #options: RepliesOptions
  /** End the waiting for retries. */
  readonly #waits = new Set<() => Promise<void>>()

  constructor(options: RepliesOptions) {
    this.#options = options
  }

  /** `undefined`: there is nothing to wait for. */
  finish(handling: Handling, forwarded: Forwarded, reply: string): Promise<void> | undefined {
    const { type, sharing } = this.#options
    const passive = type === 'official' || isTransfer(reply)
    if (sharing !== undefined) return this.#settle(sharing, handling, { forwarded, reply, passive })
    return this.#finishAlone(handling, { forwarded, reply, passive })
  }

  /** WeChat is answered without the reply, which therefore has to go another way. */
  overdue(handling: Handling, forwarded: Forwarded): void {
    const { lateReplies, sharing } = this.#options
    handling.overdue = true
    if (handling.leaving) return
    if (sharing !== undefined) handling.expected = sharing.overdue(handling, forwarded)
    else if (handling.late !== 'drop') handling.expected = this.#guarded('late', () => lateReplies.expect(forwarded))
  }

  /** What the deliveries did not get, or a mini program takes no other way: it leaves by the customer-service API, or is dropped. */
  async sendLate(handling: Handling, forwarded: Forwarded, reply: string): Promise<void> {
    if (handling.overdue && reply !== '') {
      this.#options.observe({ type: 'late', way: handling.late === 'drop' ? 'drop' : 'customer-service' })
    }
    if (handling.late === 'drop' && handling.overdue) return
    await handling.expected
    await this.#guarded('late', () => this.#options.lateReplies.sendLate(forwarded, reply))
  }

  /** Waits for no retry any more: what would have been given to one goes another way now. */
  async close(): Promise<void> {
    await Promise.all([...this.#waits].map((end) => end()))
  }

  /** Tells the other processes before anybody is told the reply. While the store fails, this one's memory decides. */
  async #settle(sharing: Sharing, handling: Handling, made: Made): Promise<void> {
    const { forwarded, reply } = made
    const settled = await sharing.settle(handling, made)
    handling.settling = undefined
    if (settled) return
    if (handling.overdue || !made.passive) {
      handling.leaving = true
      await this.sendLate(handling, forwarded, reply)
      handling.finish('')
      return sharing.settleLater(forwarded.id, '')
    }
    handling.finish(reply)
    if (handling.postponed && !handling.given) this.#awaitRetry(handling, forwarded, reply)
    else sharing.settleLater(forwarded.id, reply)
  }

  #finishAlone(handling: Handling, { forwarded, reply, passive }: Made): Promise<void> | undefined {
    if (handling.overdue || !passive) return this.#finishAnotherWay(handling, forwarded, reply)
    handling.finish(reply)
    if (handling.postponed) this.#awaitRetry(handling, forwarded, reply)
    return this.#remember(forwarded, reply)
  }

  async #finishAnotherWay(handling: Handling, forwarded: Forwarded, reply: string): Promise<void> {
    // Before WeChat is answered: from then on it does not ask again.
    handling.leaving = true
    await this.sendLate(handling, forwarded, reply)
    handling.finish('')
    await this.#remember(forwarded, '')
  }

  /** Should WeChat not ask again, the reply goes another way. */
  #awaitRetry(handling: Handling, forwarded: Forwarded, reply: string): void {
    const { clock, sharing } = this.#options
    const end = async () => {
      callOff()
      this.#waits.delete(end)
      if (handling.given || handling.overdue) return sharing?.settleLater(forwarded.id, reply)
      handling.overdue = true
      if (sharing !== undefined) return this.#settle(sharing, handling, { forwarded, reply, passive: true })
      await this.sendLate(handling, forwarded, reply)
      await this.#remember(forwarded, '')
    }
    const callOff = clock.after(longestWaitForRetry, () => void end())
    this.#waits.add(end)
  }

  #remember({ id }: Forwarded, reply: string): Promise<void> | undefined {
    const { claims } = this.#options
    return claims === undefined ? undefined : this.#guarded('finish', () => claims.finish(id, reply))
  }

  async #guarded(operation: 'finish' | 'late', work: () => Promise<void>): Promise<undefined> {
    try {
      await work()
    } catch (error) {
      this.#options.observe({ type: 'store-failed', operation, error })
    }
    return undefined
  }
}

/** To hand a conversation over is all that a mini program takes as a passive reply. */
function isTransfer(reply: string): boolean {
  return readReplyXml(reply)?.MsgType === 'transfer_customer_service'
}
