import type { Change } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'
import type { Answerer } from './answerer.js'
import { asFault, type Forwarded } from './back-end.js'
import type { CallbackEvent } from './callback-event.js'
import type { Claimed, Claims } from './claims.js'
import { Handling } from './handling.js'
import { Handlings } from './handlings.js'
import { inTime } from './in-time.js'
import type { Replies } from './replies.js'
import type { Sharing } from './sharing.js'

/** A store that takes longer to claim a push, in ms, is as good as none. */
const longestClaim = 1_000

/** A push that nobody else is known to have handled. */
const unclaimed: Claimed = { first: true, deliveries: 0 }

/** Copies of a push for those who observe. */
export interface Copies {
  /** To be stored in one step with the claim of the push, so that a push has its copies or was never claimed. */
  readonly changes: readonly Change[]
  stored(): void
  /** They could not be stored. */
  unstored(): void
}

export interface DeduplicationOptions {
  readonly clock: Clock
  /** What was handled before this process began. Default: nothing is known of it. */
  readonly claims?: Claims
  /** `undefined`: no other process gets deliveries of the same pushes. */
  readonly sharing: Sharing | undefined
  /** The copies of a push; `undefined` if nobody observes it. Default: nobody ever does. */
  readonly copiesOf?: (forwarded: Forwarded) => Copies | undefined
  readonly replies: Replies
  readonly observe: (event: CallbackEvent) => void
}

/** Has each push of one account handled once, however many deliveries of it come. */
export class Deduplication {
  readonly #options: DeduplicationOptions
  readonly #handlings = new Handlings()

  constructor(options: DeduplicationOptions) {
    this.#options = options
  }

  /** What handles a push, with one delivery more. */
  join(forwarded: Forwarded, answererOf: () => Answerer | undefined): Handling {
    const before = this.#handlings.get(forwarded.id)
    const handling = before ?? this.#begin(forwarded, answererOf())
    handling.deliveries += 1
    handling.open += 1
    if (before !== undefined) this.#options.sharing?.count(handling, forwarded.id)
    return handling
  }

  /** Answers what handles the push here, if that is not another process any more. */
  async look(
    handling: Handling,
    forwarded: Forwarded,
    answererOf: () => Answerer | undefined,
  ): Promise<Handling | undefined> {
    const claimed = await this.#options.sharing?.look(forwarded.id)
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
    const { sharing, replies } = this.#options
    if (answerer !== undefined) handling.late = answerer.late
    const claiming = before ?? this.#claim(forwarded, answerer)
    const claimed = claiming instanceof Promise ? await claiming : claiming
    if ('reply' in claimed) {
      // With a store that was slow.
      if (handling.overdue && !claimed.waited) await replies.sendLate(handling, forwarded, claimed.reply)
      return handling.foundFinished(claimed)
    }
    handling.earlier = claimed.deliveries
    if (answerer === undefined && sharing !== undefined) return handling.finish('')
    if ('elsewhere' in claimed) {
      handling.handOver(claimed.overdue)
      // Not before: the answer does not depend on it.
      return sharing?.count(handling, forwarded.id)
    }
    const asked = answerer === undefined ? '' : this.#ask(answerer, forwarded)
    const reply = asked instanceof Promise ? await asked : asked
    if (reply === undefined) return
    // To wait for nothing costs too.
    const finishing = replies.finish(handling, forwarded, reply)
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
}
