import { StoreError } from '../store.js'
import { failureFrom, TooMuchWaiting } from './failure.js'

/** A command that takes longer, in ms, is given up. */
const longestCommand = 500
/** Timers that fire so much too late, in ms, tell that this process itself stood still. */
const longestStall = 100
/** How often Redis is asked whether it is there, in ms; and while it is away. */
const pulseGap = 500
const searchGap = 100

export interface HealthOptions {
  /** Asks Redis something that only a living master does. */
  readonly pulse: () => Promise<unknown>
  /** Whether it is asked all the time. False: only while it is away. */
  readonly steady: boolean
  readonly changed: (failure: StoreError | undefined) => void
}

/**
 * Whether Redis answers. From the first command that it leaves unanswered for 500 ms, or cannot take, until it answers a pulse
 * again nothing else is sent: nobody waits in vain, and nothing piles up.
 */
export class Health {
  readonly #options: HealthOptions
  #failure: StoreError | undefined
  #pulsing = false
  #timer: NodeJS.Timeout | undefined
  #ended = false

  constructor(options: HealthOptions) {
    this.#options = options
    this.#schedule(pulseGap)
  }

  /** Why nothing is sent at present; undefined: Redis answers. */
  get failure(): StoreError | undefined {
    return this.#failure
  }

  /** @throws {StoreError} STORE_AWAY at once, or after 500 ms; STORE_FAILED. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#ended) throw new StoreError('STORE_CLOSED', 'the store has been closed')
    if (this.#failure !== undefined) throw this.#failure
    return this.#inTime(work())
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
  }

  async #inTime<T>(work: Promise<T>): Promise<T> {
    const deadline = new Deadline(longestCommand)
    try {
      return await Promise.race([work, deadline.passed])
    } catch (error) {
      work.catch(() => undefined)
      const failure = failureFrom(error)
      if (this.#ended) throw new StoreError('STORE_CLOSED', 'the store has been closed', error)
      if (failure.code === 'STORE_AWAY' && !(error instanceof TooMuchWaiting)) this.#tell(failure)
      throw failure
    } finally {
      deadline.end()
    }
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#ended || !(this.#options.steady || this.#failure !== undefined)) return
    this.#timer = setTimeout(() => void this.#beat(), ms)
    this.#timer.unref()
  }

  /** One pulse at a time, however long Redis takes for it: what it answers at last is that it is back. */
  async #beat(): Promise<void> {
    if (this.#pulsing) return
    this.#pulsing = true
    try {
      const pulse = this.#options.pulse()
      // What is late makes Redis away, and is waited for nevertheless.
      await this.#inTime(pulse).catch(() => undefined)
      await pulse
      this.#tell(undefined)
    } catch (error) {
      // A Redis whose memory is full refuses the pulse, too: it is there.
      if (failureFrom(error).code === 'STORE_FAILED') this.#tell(undefined)
    } finally {
      this.#pulsing = false
      this.#schedule(this.#failure === undefined ? pulseGap : searchGap)
    }
  }

  #tell(failure: StoreError | undefined): void {
    const before = this.#failure
    if (this.#ended || (failure === undefined) === (before === undefined)) return
    this.#failure = failure
    this.#options.changed(failure)
    // Not to wait for the next pulse of the slower pace.
    if (failure !== undefined && !this.#pulsing) this.#schedule(searchGap)
  }
}

/** The time that a command has. What this process itself stood still does not count: the answer may be there, unread. */
class Deadline {
  readonly passed: Promise<never>
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number) {
    this.passed = new Promise((_resolve, reject) => this.#begin(ms, reject))
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #begin(ms: number, reject: (error: Error) => void): void {
    const due = performance.now() + ms
    this.#timer = setTimeout(() => {
      if (performance.now() > due + longestStall) this.#begin(ms, reject)
      else setImmediate(reject, new StoreError('STORE_AWAY', 'Redis does not answer'))
    }, ms)
  }
}
