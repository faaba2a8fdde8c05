import { type Clock, pause } from './clock.js'
import { asWechatError, tooSlow } from './credential-errors.js'
import type { CredentialName } from './credential-event.js'
import type { CredentialOptions, CredentialState } from './credential-options.js'
import { CredentialRecord } from './credential-record.js'
import { CurrentValue, longestSleep } from './current-value.js'
import { CredentialUnavailable, type WechatError } from './errors.js'
import { type Current, currentFromStore, type Held, type Source, secondsLeft } from './held.js'
import type { Stored } from './record.js'
import { Refresher } from './refresher.js'
import { RejectionReports } from './rejection-reports.js'
import { Replacer } from './replacer.js'
import { sameSecret } from './same-secret.js'
import { SingleFlight } from './single-flight.js'

/** No caller waits longer for a value, in ms. */
const patience = 8_000
/** How soon a failed save is made up for, in ms. */
const saveGap = 5_000

/**
 * The life of one expiring secret: cached, refreshed once however many ask (P1), never given out dead (P2), refreshed ahead
 * of its end (P3), stored (P4), replaced before its time only when WeChat itself refuses it (P5, P11).
 */
export class Credential {
  readonly #options: CredentialOptions
  readonly #clock: Clock
  readonly #value: CurrentValue
  readonly #record: CredentialRecord
  readonly #replacer: Replacer
  readonly #refresher: Refresher
  readonly #reports: RejectionReports
  readonly #loading = new SingleFlight<void>()
  readonly #refreshingPatiently = new SingleFlight<Held>()
  #asked = false
  #cancelTick: (() => void) | undefined

  constructor(options: CredentialOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#value = new CurrentValue(options)
    this.#record = new CredentialRecord(options)
    this.#replacer = new Replacer(options, this.#value, this.#record)
    this.#refresher = new Refresher({
      ...options,
      value: this.#value,
      replacer: this.#replacer,
      failed: () => void this.#followStore(),
      ended: () => this.#schedule(),
    })
    this.#reports = new RejectionReports({
      ...options,
      current: () => this.#value.held,
      followStore: () => this.#followStore(),
      markRejected: (current) => this.#value.adopt({ ...current, rejected: true }),
    })
  }

  get name(): CredentialName {
    return this.#options.name
  }

  /**
   * A living value.
   *
   * @throws {CredentialUnavailable} with `retryAfter`, at most 8 s after the call, when none can be had.
   */
  get(): Promise<Held> {
    return this.#value.fresh ?? this.#obtain()
  }

  /** The value of `get()` alone. */
  value(): Promise<string> {
    return this.#value.freshValue ?? this.#obtain().then((held) => held.value)
  }

  /**
   * As `get`, but a refresh that is needed is tried once, without a pause: for work that hangs on this credential and has a
   * patience of its own.
   *
   * @throws {CredentialUnavailable} with `retryAfter`, when none can be had.
   */
  async getAtOnce(): Promise<Held> {
    await this.#load()
    const present = this.#present('memory')
    if (present !== undefined) return present
    return this.#refresher.refreshOrKeep().catch((error: unknown) => {
      throw this.#unavailable(asWechatError(error))
    })
  }

  /**
   * Asks WeChat for a value now, whatever there is, and stores it; joins a refresh that is under way.
   *
   * @throws {WechatError} when that fails; the old value stays. Soon after a failure it is that failure, without a try.
   */
  async update(): Promise<Held> {
    await this.#load()
    return this.#refresher.refresh('manual')
  }

  /**
   * Takes a report that WeChat refused `value`, and answers a living one. Only if it is the current value, and WeChat
   * refuses it when asked, is it replaced. `noticedBy` names the reporter, for people. WeChat is asked at most once in 5 s: a
   * report that comes sooner waits, or, with `wait` false, is answered by what WeChat said then.
   *
   * A ticket is never replaced by a report: WeChat has no call that would tell whether it takes one, so its probe can't tell
   * (`cannot-tell`), and the ticket stays. Who knows better calls `update`.
   *
   * @throws {CredentialUnavailable} as `get` does.
   */
  reject(value: string, noticedBy: string, { wait = true }: { wait?: boolean } = {}): Promise<Held> {
    return this.#inTime(async () => {
      await this.#examine(value, noticedBy, wait)
      return this.get()
    })
  }

  /**
   * As `reject` with `wait` false, and then as `getAtOnce`.
   *
   * @throws {CredentialUnavailable} as `getAtOnce` does.
   */
  async rejectAtOnce(value: string, noticedBy: string): Promise<Held> {
    await this.#examine(value, noticedBy, false)
    return this.getAtOnce()
  }

  /**
   * Whether WeChat takes this value, as far as is known without asking it: the present one, or the one before during the
   * change-over. A wrong value changes nothing: whoever asks with one is nobody that the value is kept alive for.
   */
  async isLiving(value: string): Promise<boolean> {
    if (this.#value.held === undefined) {
      const stored = await this.#record.peek()
      if (stored === undefined || !sameSecret(value, stored.value)) return false
      await this.#load()
    }
    return this.#value.isLiving(value)
  }

  get state(): CredentialState {
    const current = this.#value.held
    return {
      asked: this.#asked,
      secondsLeft: current === undefined || current.rejected ? 0 : secondsLeft(current, this.#clock),
      failure: this.#refresher.failure,
      refreshing: this.#refresher.running || this.#reports.running,
    }
  }

  /** Ends the timer and the watch. Resolves when what is in flight has ended and what can be saved is saved. */
  async stop(): Promise<void> {
    this.#cancelTick?.()
    this.#refresher.stop()
    this.#reports.stop()
    this.#record.unwatch()
    await this.#reports.idle()
    await this.#refresher.idle()
    await this.#replacer.saveAgain()
  }

  #obtain(): Promise<Held> {
    if (this.#value.held !== undefined) return this.#give('memory')
    return this.#inTime(async () => {
      await this.#load()
      return this.#give('store')
    })
  }

  async #examine(value: string, noticedBy: string, wait: boolean): Promise<void> {
    await this.#load()
    if (this.#value.held !== undefined) await this.#reports.examine(value, noticedBy, { wait })
  }

  async #give(from: Source): Promise<Held> {
    return this.#present(from) ?? this.#refreshingPatiently.run(() => this.#refreshPatiently())
  }

  /** The current value, if it can be given out. A refresh ahead that is due starts in the background. */
  #present(from: Source): Held | undefined {
    const held = this.#value.asServable(from)
    if (held !== undefined && !this.#value.isSettled) this.#refresher.refreshInBackground()
    return held
  }

  /** Refreshes until there is a value to give, the old one must do, or the callers' patience ends. */
  #refreshPatiently(): Promise<Held> {
    const giveUpAt = this.#clock.monotonic() + patience
    return this.#inTime(async () => {
      for (;;) {
        // The timer, or another process, may have refreshed it during the pause.
        const present = this.#value.asServable('memory')
        if (present !== undefined) return present
        try {
          return await this.#refresher.refreshOrKeep()
        } catch (error) {
          const { retryIn } = this.#refresher
          if (this.#refresher.stopped || this.#clock.monotonic() + retryIn >= giveUpAt)
            throw this.#unavailable(asWechatError(error))
          await pause(this.#clock, retryIn)
        }
      }
    })
  }

  /** What `work` gives within the callers' patience; after it the value that still lives, or an error. */
  async #inTime(work: () => Promise<Held>): Promise<Held> {
    let cancel: () => void = () => undefined
    const patienceEnds = new Promise<undefined>((resolve) => {
      cancel = this.#clock.after(patience, () => resolve(undefined))
    })
    const held = await Promise.race([work(), patienceEnds]).finally(cancel)
    const given = held ?? this.#value.living
    if (given === undefined) throw this.#unavailable(this.#refresher.failure ?? tooSlow())
    return given
  }

  #unavailable(error: WechatError): CredentialUnavailable {
    const retryAfter = Math.max(1, Math.ceil(this.#refresher.retryIn / 1000))
    return new CredentialUnavailable(this.#options.name, error, retryAfter)
  }

  /** Takes the stored value if there is none in memory. From the first call on the timer and the watch are on. */
  #load(): Promise<void> | undefined {
    if (this.#value.held !== undefined) return undefined
    // The refresh looks into the store itself.
    if (this.#asked && this.#refresher.running) return undefined
    return this.#loading.run(async () => {
      this.#asked = true
      if (!this.#refresher.stopped)
        this.#record.watch((event) => void (event === 'back' ? this.#goOn() : this.#followStore()))
      const stored = await this.#record.look()
      if (stored !== undefined && this.#value.held === undefined) this.#value.adoptStored(stored)
      this.#schedule()
    })
  }

  /** The storage is back: what nobody else can know is stored first, then what others stored is taken, and what is due is done. */
  async #goOn(): Promise<void> {
    this.#refresher.storeIsBack()
    await this.#replacer.saveAgain()
    await this.#followStore()
    this.#schedule()
  }

  /** Takes a newer value that another process has stored. */
  async #followStore(): Promise<void> {
    const stored = await this.#record.look()
    const known = this.#value.held
    if (this.#refresher.running) return
    if (stored !== undefined && this.#value.isWorseThan(stored)) {
      const version = Math.max(stored.version, (known?.version ?? -1) + 1)
      const adopted = this.#value.adopt({ ...currentFromStore(stored, this.#clock), version })
      this.#refresher.madeUpFor()
      this.#options.observe({ type: 'adopted', expiresIn: secondsLeft(adopted, this.#clock) })
      this.#schedule()
      if (version > stored.version) await this.#record.save(adopted)
    } else if (known !== undefined && this.#value.isServable && this.#isMissingFrom(stored, known)) {
      await this.#record.save(known)
    }
  }

  /** Whether the storage lost the known value: it is gone, was broken and set aside, or an older one was put over it. */
  #isMissingFrom(stored: Stored | undefined, known: Current): boolean {
    return stored === undefined ? this.#record.isMissing : stored.version < known.version
  }

  #schedule(): void {
    this.#cancelTick?.()
    if (this.#refresher.stopped || !this.#asked) return
    this.#cancelTick = this.#clock.after(this.#sleep(), () => void this.#tick(), { background: true })
  }

  /** How long nothing has to be done, in ms. */
  #sleep(): number {
    const saveIn = this.#record.unsaved !== undefined ? saveGap : longestSleep
    return Math.min(saveIn, Math.max(this.#neededIn(), this.#refresher.retryIn), longestSleep)
  }

  /** Milliseconds until a refresh is needed; 0: it is needed now, be it allowed or not. */
  #neededIn(): number {
    // A first fetch that failed is made up for. Before anybody has asked for one, none is needed.
    return this.#value.dueIn ?? (this.#refresher.failure === undefined ? longestSleep : 0)
  }

  async #tick(): Promise<void> {
    await this.#replacer.saveAgain()
    // Not every file system tells of changes: what another process stored is found here at the latest.
    void this.#followStore()
    this.#value.freshen()
    if (this.#neededIn() === 0 && this.#refresher.retryIn === 0) this.#refresher.refreshInBackground()
    else this.#schedule()
  }
}
