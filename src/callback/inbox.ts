import { type Clock, pause } from '../wechat/clock.js'
import type { AccountType } from '../wechat/options.js'
import type { ReadMessage } from '../wechat/push.js'
import type { Answerer } from './answerer.js'
import type { Forwarded } from './back-end.js'
import type { CallbackEvent } from './callback-event.js'
import type { Claims } from './claims.js'
import { type Copies, Deduplication } from './deduplication.js'
import type { Handling } from './handling.js'
import { identityOf } from './identity.js'
import { inTime } from './in-time.js'
import { type LateReplies, Replies } from './replies.js'
import { type SharedReplies, Sharing } from './sharing.js'

/**
 * [REPLY] WeChat waits 5 s. For the reply a delivery waits so long, in ms; what has to be stored then may take so long more; and
 * within 4.5 s the answer has left, on a busy machine too.
 */
const longestWait = 4_100
const longestStoring = 250

/** With this delivery of a push WeChat is answered at last, though it would ask once more. */
const lastDelivery = 3

/** How often it is looked what another process has made of a push, in ms. */
const lookPause = 75

/** One delivery of a push. */
export interface Delivery {
  readonly push: ReadMessage
  /** When it arrived, in ms of the monotonic clock. */
  readonly arrived: number
  /** Who answers it. Asked for the first delivery only. */
  readonly answerer: () => Answerer | undefined
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
  readonly #sharing: Sharing | undefined
  readonly #replies: Replies
  readonly #deduplication: Deduplication

  constructor(options: InboxOptions) {
    const { claims, shared, clock, observe } = options
    this.#options = options
    if (claims !== undefined && shared !== undefined) {
      this.#sharing = new Sharing({ claims, replies: shared, clock, observe })
    }
    this.#replies = new Replies({ ...options, sharing: this.#sharing })
    this.#deduplication = new Deduplication({ ...options, sharing: this.#sharing, replies: this.#replies })
  }

  /**
   * What to answer a delivery: the XML of a passive reply, empty for `success`; `undefined`: nothing, so that WeChat asks
   * again. Takes at most 4.35 s from the delivery's arrival on. Never rejects.
   */
  async answer(delivery: Delivery): Promise<string | undefined> {
    const { push, arrived } = delivery
    const id = identityOf(this.#options.appID, push.message)
    const forwarded = { message: push.message, text: push.text, format: push.format, id }
    let handling = this.#deduplication.join(forwarded, delivery.answerer)
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
  close(): Promise<void> {
    this.#sharing?.close()
    return this.#replies.close()
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
      const looking = this.#deduplication.look(handling, forwarded, answerer)
      const taken = await inTime(clock, end + longestStoring - clock.monotonic(), looking)
      if (taken !== undefined) return this.#moveTo(taken, arrived)
    }
    return handling
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
    this.#replies.overdue(handling, forwarded)
    return ''
  }

  #give(handling: Handling): void {
    if (handling.postponed && !handling.given) this.#options.observe({ type: 'late', way: 'retry' })
    handling.given = true
  }
}
