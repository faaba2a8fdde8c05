import type { Clock } from '../wechat/clock.js'
import type { Forwarded, Late } from './back-end.js'
import type { CallbackEvent } from './callback-event.js'
import type { Claimed, Claims, Settled } from './claims.js'
import type { Handling } from './handling.js'
import { inTime } from './in-time.js'
import { Unsettled } from './unsettled.js'

/** What has to be stored of a reply before it is given may take so long, in ms. */
const longestStoring = 250

/** A store that takes longer to hand over a reply that it keeps, in ms, is as good as none. */
const longestTaking = 1_000

/**
 * What becomes of a reply: a delivery is given it; it is kept for a retry, and sent another way should none come; it leaves
 * another way now; it is dropped.
 */
export type Way = 'given' | 'kept' | 'left' | 'dropped'

/** What is settled in one step with the jobs that come of it. */
export interface SharedReplies {
  /**
   * WeChat is answered without the reply: unless it is to be dropped, it must not be forgotten, whichever process ends. As
   * `Claims.overdue`.
   */
  overdue(forwarded: Forwarded, late: Late): Promise<string | undefined>
  settle(forwarded: Forwarded, reply: string, way: Way): Promise<Settled>
}

/** What became of asking who answers a push. */
export interface Made {
  readonly forwarded: Forwarded
  readonly reply: string
  /** Whether the reply can be the answer to a delivery. */
  readonly passive: boolean
}

export interface SharingOptions {
  readonly claims: Claims
  readonly replies: SharedReplies
  readonly clock: Clock
  readonly observe: (event: CallbackEvent) => void
}

/** Keeps what this process knows of pushes in step with the other processes to which WeChat may deliver them. */
export class Sharing {
  readonly #options: SharingOptions
  readonly #unsettled: Unsettled

  constructor(options: SharingOptions) {
    this.#options = options
    this.#unsettled = new Unsettled(options.claims, options.clock)
  }

  close(): void {
    this.#unsettled.close()
  }

  /** One more delivery has come here. It matters where the last one is answered whatever happens. */
  count(handling: Handling, id: string): void {
    if (handling.late !== 'retry' || handling.reply !== undefined || handling.overdue) return
    void this.#guarded('claim', async () => {
      const deliveries = await this.#options.claims.count(id)
      handling.earlier = Math.max(handling.earlier, deliveries - handling.deliveries)
    })
  }

  /**
   * Before a delivery is decided on, whose time is up at `end`, in ms of the monotonic clock: what is being stored may come to
   * an end, and a reply that waits for a retry is taken.
   */
  async prepare(handling: Handling, id: string, end: number): Promise<void> {
    const { clock } = this.#options
    const left = () => end + longestStoring - clock.monotonic()
    if (handling.reply === undefined && !handling.overdue && handling.settling !== undefined) {
      await inTime(clock, left(), handling.settling)
    }
    if (handling.kept && !handling.overdue) await this.#take(handling, id, Math.min(longestTaking, left()))
  }

  /** What is known of a push on which another process was at work; `undefined` while the store fails. */
  look(id: string): Promise<Claimed | undefined> {
    return this.#guarded('claim', () => this.#options.claims.claim(id, [], { counted: true }))
  }

  /** As `SharedReplies.overdue`. */
  overdue(handling: Handling, forwarded: Forwarded): Promise<string | undefined> {
    return this.#guarded('late', () => this.#options.replies.overdue(forwarded, handling.late))
  }

  /** Ends the handling of a push, if it is still this process that handles it. Answers `false` while the store fails. */
  settle(handling: Handling, made: Made): Promise<boolean> {
    const settling = this.#settle(handling, made)
    handling.settling = settling
    return settling
  }

  /** The store is told when it works again. */
  settleLater(id: string, reply: string): void {
    this.#unsettled.add(id, reply)
  }

  async #settle(handling: Handling, made: Made): Promise<boolean> {
    const { clock, observe, replies } = this.#options
    const { forwarded, reply } = made
    const way = wayOf(handling, made)
    try {
      const settling = replies.settle(forwarded, reply, way)
      // A delivery waits.
      const settled = await (way === 'given' ? inTime(clock, longestStoring, settling) : settling)
      if (settled === undefined) throw new Error(`the store took longer than ${longestStoring} ms`)
      if (settled === 'overdue') {
        handling.overdue = true
        return this.#settle(handling, made)
      }
      if (settled === 'settled' && handling.overdue && reply !== '') {
        observe({ type: 'late', way: way === 'dropped' ? 'drop' : 'customer-service' })
      }
      end(handling, settled, { way, reply })
      return true
    } catch (error) {
      observe({ type: 'store-failed', operation: 'finish', error })
      return false
    }
  }

  async #take(handling: Handling, id: string, longest: number): Promise<void> {
    const { claims, clock } = this.#options
    const taken = await this.#guarded('finish', () => inTime(clock, longest, claims.take(id)))
    handling.kept = false
    if (taken === undefined) this.settleLater(id, handling.reply ?? '')
    // It has been sent another way.
    else if (taken === '') handling.overdue = true
  }

  async #guarded<T>(operation: 'claim' | 'finish' | 'late', work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      this.#options.observe({ type: 'store-failed', operation, error })
      return undefined
    }
  }
}

function wayOf(handling: Handling, { reply, passive }: Made): Way {
  if (handling.overdue) return handling.late === 'drop' ? 'dropped' : 'left'
  if (!passive) return 'left'
  return reply === '' || handling.open > 0 ? 'given' : 'kept'
}

function end(handling: Handling, settled: Exclude<Settled, 'overdue'>, { way, reply }: { way: Way; reply: string }) {
  if (settled === 'elsewhere') return handling.handOver(false)
  if (settled !== 'settled') return handling.foundFinished({ reply: settled.reply, waited: settled.kept !== undefined })
  handling.kept = way === 'kept'
  handling.finish(way === 'given' || way === 'kept' ? reply : '')
}
