import type { Change } from '../stores/store.js'
import { type Clock, pause } from '../wechat/clock.js'
import type { AccountType } from '../wechat/options.js'
import type { ReadMessage } from '../wechat/push.js'
import { readReplyXml } from '../wechat/reply.js'
import { asFault, type Forwarded, type Late } from './back-end.js'
import type { CallbackEvent } from './callback-event.js'
import type { Claimed, Claims } from './claims.js'
import { Handling } from './handling.js'
import { Handlings } from './handlings.js'
import { identityOf } from './identity.js'
import { inTime } from './in-time.js'
import { type Made, type SharedReplies, Sharing } from './sharing.js'

/**
 * [REPLY] WeChat waits 5 s. For the reply a delivery waits so long, in ms; what has to be stored then may take so long more; and
 * within 4.5 s the answer has left, on a busy machine too.
 */
const longestWait = 4_100
const longestStoring = 250

/** With this delivery of a push WeChat is answered at last, though it would ask once more. */
const lastDelivery = 3

/** A reply that waits for a retry is sent another way if none comes within this time, in ms. */
export const longestWaitForRetry = 15_000

/** A store that takes longer to claim a push, in ms, is as good as none. */
const longestClaim = 1_000

/** How often it is looked what another process has made of a push, in ms. */
const lookPause = 75

/** A push that nobody else is known to have handled. */
const unclaimed: Claimed = { first: true, deliveries: 0 }

/** Who answers a push. */
export interface Answerer {
  /** Who that is, for people: of a back end its `to`. */
  readonly name: string
  readonly late: Late
  /** How long it may take, in ms. */
  readonly longest: number
  /** The XML of a passive reply; empty for none. At once, if it can: that spares the waiting. */
  ask(forwarded: Forwarded): string | Promise<string>
}

/** One delivery of a push. */
export interface Delivery {
  readonly push: ReadMessage
  /** When it arrived, in ms of the monotonic clock. */
  readonly arrived: number
  /** Who answers it. Asked for the first delivery only. */
  readonly answerer: () => Answerer | undefined
}

/** Where replies go that came too late to be passive. */
export interface LateReplies {
  /** From now on a reply is due: it must not be forgotten, even if this process ends. */
  expect(forwarded: Forwarded): Promise<void>
  /** The reply that was due, or that mini programs take no other way; empty if there was none after all. */
  sendLate(forwarded: Forwarded, reply: string): Promise<void>
}

/** Copies of a push for those who observe. */
export interface Copies {
  /** To be stored in one step with the claim of the push, so that a push has its copies or was never claimed. */
  readonly changes: readonly Change[]
  stored(): void
  /** They could not be stored. */
  unstored(): void
}

export interface InboxOptions {
  readonly appID: string
  readonly type: AccountType
  readonly clock: Clock
  readonly lateReplies: LateReplies
  /** What was handled before this process began. Default: nothing is known of it. */
  readonly claims?: Claims
  /** What is settled with other processes that get deliveries of the same pushes. Default: there are none. */
  readonly shared?: SharedReplies | undefined
  /** The copies of a push; `undefined` if nobody observes it. Default: nobody ever does. */
  readonly copiesOf?: (forwarded: Forwarded) => Copies | undefined
  readonly observe: (event: CallbackEvent) => void
}

/** Handles each push of one account once, and answers all of its deliveries in time (P8). */
export class Inbox {
  readonly #options: InboxOptions
  readonly #handlings = new Handlings()
  /** End the waiting for retries. */
  readonly #waits = new Set<() => Promise<void>>()
  readonly #sharing: Sharing | undefined

  constructor(options: InboxOptions) {
    const { claims, shared, clock, observe } = options
    this.#options = options
    if (claims !== undefined && shared !== undefined) {
      this.#sharing = new Sharing({ claims, replies: shared, clock, observe })
    }
  }

  /**
   * What to answer a delivery: the XML of a passive reply, empty for `success`; `undefined`: nothing, so that WeChat asks
   * again. Takes at most 4.35 s from the delivery's arrival on. Never rejects.
   */
  async answer(delivery: Delivery): Promise<string | undefined> {
    const { push, arrived } = delivery
    const id = identityOf(this.#options.appID, push.message)
    const forwarded = { message: push.message, text: push.text, format: push.format, id }
    let handling = this.#join(forwarded, delivery.answerer)
    const repeated = handling.deliveries > 1
    if (handling.reply === undefined && !handling.overdue) await this.#wait(handling, arrived)
    if (handling.elsewhere) handling = await this.#follow(handling, forwarded, delivery)
    if (this.#sharing !== undefined) await this.#sharing.prepare(handling, id, arrived + longestWait)
    let reply = handling.overdue ? '' : (handling.reply ?? this.#postpone(handling, forwarded))
    handling.open -= 1
    if (reply !== undefined && !handling.overdue) this.#give(handling)
    // After `success` WeChat does not ask again.
    if (handling.overdue && handling.expected !== undefined) {
      reply = (await inTime(this.#options.clock, longestStoring, handling.expected)) ?? ''
    }
    const outcome = reply === undefined ? 'unanswered' : reply === '' ? 'success' : 'reply'
    const duplicate = repeated || handling.earlier > 0
    const ms = this.#options.clock.monotonic() - arrived
    this.#options.observe({ type: 'answered', message: push.message, outcome, duplicate, ms })
    return reply
  }

  /** Waits for no retry any more: what would have been given to one goes another way now. */
  async close(): Promise<void> {
    this.#sharing?.close()
    await Promise.all([...this.#waits].map((end) => end()))
  }

  /** What handles a push, with one delivery more. */
  #join(forwarded: Forwarded, answererOf: () => Answerer | undefined): Handling {
    const before = this.#handlings.get(forwarded.id)
    const handling = before ?? this.#begin(forwarded, answererOf())
    handling.deliveries += 1
    handling.open += 1
    if (before !== undefined) this.#sharing?.count(handling, forwarded.id)
    return handling
  }

  /** `claimed`: what claiming it has shown, if that was done. */
  #begin(forwarded: Forwarded, answerer: Answerer | undefined, claimed?: Claimed): Handling {
    this.#handlings.forget(this.#options.clock.monotonic())
    const handling = new Handling()
    // Whatever can be done at once is done before anybody else can come.
    void this.#handle(handling, forwarded, answerer, claimed)
    this.#handlings.add(forwarded.id, handling)
    return handling
  }

  async #handle(
    handling: Handling,
    forwarded: Forwarded,
    answerer: Answerer | undefined,
    before?: Claimed,
  ): Promise<void> {
    if (answerer !== undefined) handling.late = answerer.late
    const claiming = before ?? this.#claim(forwarded, answerer)
    const claimed = claiming instanceof Promise ? await claiming : claiming
    if ('reply' in claimed) {
      // With a store that was slow.
      if (handling.overdue && !claimed.waited) await this.#sendLate(handling, forwarded, claimed.reply)
      return handling.foundFinished(claimed)
    }
    handling.earlier = claimed.deliveries
    if (answerer === undefined && this.#sharing !== undefined) return handling.finish('')
    if ('elsewhere' in claimed) {
      handling.handOver(claimed.overdue)
      // Not before: the answer does not depend on it.
      return this.#sharing?.count(handling, forwarded.id)
    }
    const asked = answerer === undefined ? '' : this.#ask(answerer, forwarded)
    const reply = asked instanceof Promise ? await asked : asked
    if (reply === undefined) return
    // To wait for nothing costs too.
    const finishing = this.#finish(handling, forwarded, reply)
    if (finishing !== undefined) await finishing
  }

  #claim(forwarded: Forwarded, answerer: Answerer | undefined): Claimed | Promise<Claimed> {
    const { claims, copiesOf } = this.#options
    const copies = copiesOf?.(forwarded)
    if (claims === undefined || (answerer === undefined && copies === undefined)) return unclaimed
    return this.#claimIn(claims, forwarded, { answerer, copies })
  }

  /** Once it is known that another process has it, that one is looked after, however slow the store is. */
  async #claimIn(
    claims: Claims,
    forwarded: Forwarded,
    { answerer, copies }: { answerer: Answerer | undefined; copies: Copies | undefined },
  ): Promise<Claimed> {
    const known = { claimed: unclaimed }
    const seen = (claimed: Claimed) => {
      known.claimed = claimed
    }
    const claiming = claims.claim(forwarded.id, copies?.changes ?? [], { seen })
    try {
      const claimed = await inTime(this.#options.clock, longestClaim, claiming)
      if (claimed === undefined) throw new Error(`the store took longer than ${longestClaim} ms`)
      if (claimed.first) copies?.stored()
      return claimed
    } catch (error) {
      this.#options.observe({ type: 'store-failed', operation: 'claim', error })
      if (known.claimed.first) copies?.unstored()
      else void this.#claimedLate(forwarded, answerer, claiming)
      return known.claimed
    }
  }

  /** The other process had ended, and only after the time for it was over the push was taken over. */
  async #claimedLate(forwarded: Forwarded, answerer: Answerer | undefined, claiming: Promise<Claimed>): Promise<void> {
    // Where that fails, whoever follows the other process finds out.
    const claimed = await claiming.catch(() => undefined)
    if (claimed !== undefined && !('elsewhere' in claimed) && !('reply' in claimed)) {
      this.#takeOver(forwarded, answerer, claimed)
    }
  }

  /** What handles a push that was another process's. Another delivery may have found out first. */
  #takeOver(forwarded: Forwarded, answerer: Answerer | undefined, claimed: Claimed): Handling {
    return this.#handlings.get(forwarded.id) ?? this.#begin(forwarded, answerer, claimed)
  }

  /** `undefined` when the hub ends first: the push is as good as not handled. */
  #ask(answerer: Answerer, forwarded: Forwarded): string | undefined | Promise<string | undefined> {
    try {
      const asked = answerer.ask(forwarded)
      return typeof asked === 'string' ? asked : asked.catch((error: unknown) => this.#faulty(answerer, error))
    } catch (error) {
      return this.#faulty(answerer, error)
    }
  }

  #faulty(answerer: Answerer, error: unknown): '' | undefined {
    const fault = asFault(error)
    if (fault.kind === 'ended') return undefined
    this.#options.observe({ type: 'fault', to: answerer.name, error: fault })
    return ''
  }

  #finish(handling: Handling, forwarded: Forwarded, reply: string): Promise<void> | undefined {
    const passive = this.#options.type === 'official' || isTransfer(reply)
    if (this.#sharing !== undefined) return this.#settle(this.#sharing, handling, { forwarded, reply, passive })
    return this.#finishAlone(handling, { forwarded, reply, passive })
  }

  /** Tells the other processes before anybody is told the reply. While the store fails, this one's memory decides. */
  async #settle(sharing: Sharing, handling: Handling, made: Made): Promise<void> {
    const { forwarded, reply } = made
    const settled = await sharing.settle(handling, made)
    handling.settling = undefined
    if (settled) return
    if (handling.overdue || !made.passive) {
      handling.leaving = true
      await this.#sendLate(handling, forwarded, reply)
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
    await this.#sendLate(handling, forwarded, reply)
    handling.finish('')
    await this.#remember(forwarded, '')
  }

  /** The reply is there or, 4.1 s after the delivery, time is up. */
  #wait(handling: Handling, arrived: number): Promise<void> {
    const { clock } = this.#options
    return new Promise((resolve) => {
      const stop = clock.after(arrived + longestWait - clock.monotonic(), resolve)
      handling.whenFinished(() => {
        stop()
        resolve()
      })
    })
  }

  /**
   * Looks what another process makes of a push until the delivery's time is up. Should that process end, this one goes on with
   * it. Answers what the delivery is decided by.
   */
  async #follow(handling: Handling, forwarded: Forwarded, { arrived, answerer }: Delivery): Promise<Handling> {
    const { clock } = this.#options
    const end = arrived + longestWait
    while (handling.reply === undefined && !handling.overdue && clock.monotonic() < end) {
      await pause(clock, Math.min(lookPause, end - clock.monotonic()))
      const looking = this.#look(handling, forwarded, answerer)
      const taken = await inTime(clock, end + longestStoring - clock.monotonic(), looking)
      if (taken !== undefined) return this.#moveTo(taken, arrived)
    }
    return handling
  }

  /** Answers what handles the push here, if that is not another process any more. */
  async #look(
    handling: Handling,
    forwarded: Forwarded,
    answererOf: () => Answerer | undefined,
  ): Promise<Handling | undefined> {
    const claimed = await this.#sharing?.look(forwarded.id)
    if (claimed === undefined) return undefined
    if ('elsewhere' in claimed) {
      handling.overdue ||= claimed.overdue
      return undefined
    }
    if (!('reply' in claimed)) return this.#takeOver(forwarded, answererOf(), claimed)
    handling.foundFinished(claimed)
    this.#handlings.add(forwarded.id, handling)
    return undefined
  }

  /** A delivery waits for this handling now. */
  async #moveTo(handling: Handling, arrived: number): Promise<Handling> {
    handling.deliveries += 1
    handling.open += 1
    if (handling.reply === undefined && !handling.overdue) await this.#wait(handling, arrived)
    return handling
  }

  /** Time is up for a delivery: leaves it to WeChat to ask again, or answers `success` and lets the reply go another way. */
  #postpone(handling: Handling, forwarded: Forwarded): '' | undefined {
    if (handling.late === 'retry' && handling.earlier + handling.deliveries < lastDelivery) {
      handling.postponed = true
      return undefined
    }
    this.#overdue(handling, forwarded)
    return ''
  }

  #overdue(handling: Handling, forwarded: Forwarded): void {
    handling.overdue = true
    if (handling.leaving) return
    if (this.#sharing !== undefined) handling.expected = this.#sharing.overdue(handling, forwarded)
    else if (handling.late !== 'drop') {
      handling.expected = this.#guarded('late', () => this.#options.lateReplies.expect(forwarded))
    }
  }

  #give(handling: Handling): void {
    if (handling.postponed && !handling.given) this.#options.observe({ type: 'late', way: 'retry' })
    handling.given = true
  }

  /** Should WeChat not ask again, the reply goes another way. */
  #awaitRetry(handling: Handling, forwarded: Forwarded, reply: string): void {
    const end = async () => {
      callOff()
      this.#waits.delete(end)
      if (handling.given || handling.overdue) return this.#sharing?.settleLater(forwarded.id, reply)
      handling.overdue = true
      if (this.#sharing !== undefined) return this.#settle(this.#sharing, handling, { forwarded, reply, passive: true })
      await this.#sendLate(handling, forwarded, reply)
      await this.#remember(forwarded, '')
    }
    const callOff = this.#options.clock.after(longestWaitForRetry, () => void end())
    this.#waits.add(end)
  }

  async #sendLate(handling: Handling, forwarded: Forwarded, reply: string): Promise<void> {
    if (handling.overdue && reply !== '') {
      this.#options.observe({ type: 'late', way: handling.late === 'drop' ? 'drop' : 'customer-service' })
    }
    if (handling.late === 'drop' && handling.overdue) return
    await handling.expected
    await this.#guarded('late', () => this.#options.lateReplies.sendLate(forwarded, reply))
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
