import { Backoff } from './backoff.js'
import { type Clock, pause } from './clock.js'
import { asWechatError, closed, overtaken, stillRefused, tooShort, tooSlow } from './credential-errors.js'
import type { CredentialHappening, CredentialName, RefreshCause } from './credential-event.js'
import type { CredentialOptions, CredentialState } from './credential-options.js'
import { CredentialRecord } from './credential-record.js'
import { CredentialUnavailable, UpstreamError, WechatError } from './errors.js'
import { FetchWindow } from './fetch-window.js'
import { asHeld, type Current, currentFromStore, type Held, leftOf, type Source, secondsLeft } from './held.js'
import { type Issued, isIssuedAfter } from './issued.js'
import type { Stored } from './record.js'
import { RejectionReports } from './rejection-reports.js'
import { sameSecret } from './same-secret.js'
import { SingleFlight } from './single-flight.js'
import { endlessLease, type Lease } from './storage.js'

/** No caller waits longer for a value, in ms. */
const patience = 8_000
/** Both clocks are looked at this often at least, in ms: the process may have been paused, the wall clock set. */
const longestSleep = 60_000
/** How soon WeChat is asked again after it gave the same value, in ms: `stable_token` does so until it rolls it. */
const sameValueGap = 30_000
/** How soon a failed save is made up for, in ms. */
const saveGap = 5_000
/** [ATUSE] So long WeChat takes the old value beside the new one, in ms. */
const changeOver = 300_000
/** The store is looked into this often at most for one who only shows a value, in ms. */
const peekGap = 1_000
/** How long nobody fetches after the storage was away, in ms, and how much longer at most: another process may be about to save. */
const settling = 1_000
const settlingSpread = 300

/**
 * The life of one expiring secret: cached, refreshed once however many ask (P1), never given out dead (P2), refreshed ahead
 * of its end (P3), stored (P4), replaced before its time only when WeChat itself refuses it (P5, P11).
 */
export class Credential {
  readonly #options: CredentialOptions
  readonly #clock: Clock
  readonly #record: CredentialRecord
  readonly #backoff: Backoff
  readonly #reports: RejectionReports
  readonly #loading = new SingleFlight<void>()
  readonly #refreshing = new SingleFlight<Held>()
  readonly #refreshingPatiently = new SingleFlight<Held>()
  readonly #settling = new SingleFlight<Held>()

  #current: Current | undefined
  /** The value before the present one; `until`, by the monotonic clock, WeChat takes it too. */
  #previous: { readonly value: string; readonly until: number } | undefined
  /** Until then, by the wall clock, `#fresh` is given out without a further look. */
  #freshUntil = Number.NEGATIVE_INFINITY
  #fresh: Promise<Held> | undefined
  #freshValue: Promise<string> | undefined
  /**
   * When what the last fetch gave was issued, if another process fetched meanwhile. Only what WeChat issued last lives. If that
   * can't be told from the times of issue, nothing decides it but one more fetch.
   */
  #contested: { readonly issued?: Issued | undefined } | undefined
  /** By the monotonic clock: no refresh ahead before. */
  #askAgainAt = 0
  #asked = false
  /** By the monotonic clock: the storage is back, and by then every process has put back what it alone knew. */
  #settledAt = Number.NEGATIVE_INFINITY
  #peeked: { readonly at: number; readonly stored: Promise<Stored | undefined> } | undefined
  #stopped = false
  #cancelTick: (() => void) | undefined

  constructor(options: CredentialOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#record = new CredentialRecord(options)
    this.#backoff = new Backoff(options.clock, options.random)
    this.#reports = new RejectionReports({
      ...options,
      current: () => this.#current,
      followStore: () => this.#followStore(),
      markRejected: (current) => this.#adopt({ ...current, rejected: true }),
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
    if (this.#fresh !== undefined && this.#clock.now() < this.#freshUntil) return this.#fresh
    return this.#obtain()
  }

  /** The value of `get()` alone. */
  value(): Promise<string> {
    if (this.#freshValue !== undefined && this.#clock.now() < this.#freshUntil) return this.#freshValue
    return this.#obtain().then((held) => held.value)
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
    return this.#refreshOnce().catch((error: unknown) => {
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
    return this.#refresh('manual')
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
    if (this.#current === undefined) {
      const stored = await this.#peek()
      if (stored === undefined || !sameSecret(value, stored.value)) return false
      await this.#load()
    }
    const current = this.#living()
    if (current !== undefined && sameSecret(value, current.value)) return true
    const previous = this.#previous
    return previous !== undefined && this.#clock.monotonic() < previous.until && sameSecret(value, previous.value)
  }

  get state(): CredentialState {
    const current = this.#current
    return {
      asked: this.#asked,
      secondsLeft: current === undefined || current.rejected ? 0 : secondsLeft(current, this.#clock),
      failure: this.#backoff.error,
      refreshing: this.#refreshing.running || this.#reports.running,
    }
  }

  /** Ends the timer and the watch. Resolves when what is in flight has ended and what can be saved is saved. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTick?.()
    this.#reports.stop()
    this.#record.unwatch()
    await this.#reports.idle()
    await this.#refreshing.idle()
    await this.#saveAgain()
  }

  #obtain(): Promise<Held> {
    if (this.#current !== undefined) return this.#give('memory')
    return this.#inTime(async () => {
      await this.#load()
      return this.#give('store')
    })
  }

  async #examine(value: string, noticedBy: string, wait: boolean): Promise<void> {
    await this.#load()
    if (this.#current !== undefined) await this.#reports.examine(value, noticedBy, { wait })
  }

  async #give(from: Source): Promise<Held> {
    return this.#present(from) ?? this.#refreshingPatiently.run(() => this.#refreshPatiently())
  }

  /** The current value, if it can be given out. A refresh ahead that is due starts in the background. */
  #present(from: Source): Held | undefined {
    const current = this.#current
    if (current === undefined || !this.#isServable(current)) return undefined
    if (this.#isDue(current)) this.#refreshInBackground()
    return asHeld(current, from)
  }

  /** What one try of a refresh gives, or the old value if that must do. */
  async #refreshOnce(): Promise<Held> {
    try {
      return await this.#refresh(this.#cause())
    } catch (error) {
      const living = this.#living()
      if (living === undefined) throw error
      return living
    }
  }

  /** Refreshes until there is a value to give, the old one must do, or the callers' patience ends. */
  #refreshPatiently(): Promise<Held> {
    const giveUpAt = this.#clock.monotonic() + patience
    return this.#inTime(async () => {
      for (;;) {
        // The timer, or another process, may have refreshed it during the pause.
        const current = this.#current
        if (current !== undefined && this.#isServable(current)) return asHeld(current, 'memory')
        try {
          return await this.#refreshOnce()
        } catch (error) {
          const { retryIn } = this.#backoff
          if (this.#stopped || this.#clock.monotonic() + retryIn >= giveUpAt)
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
    const given = held ?? this.#living()
    if (given === undefined) throw this.#unavailable(this.#backoff.error ?? tooSlow())
    return given
  }

  #unavailable(error: WechatError): CredentialUnavailable {
    const retryAfter = Math.max(1, Math.ceil(this.#backoff.retryIn / 1000))
    return new CredentialUnavailable(this.#options.name, error, retryAfter)
  }

  /** The present value if it lives, be it too short to be given out while a refresh can be had. */
  #living(): Held | undefined {
    const current = this.#current
    if (current === undefined || current.rejected || leftOf(current, this.#clock) <= 0) return undefined
    return asHeld(current, 'memory')
  }

  #isServable(current: Current): boolean {
    return !current.rejected && leftOf(current, this.#clock) > this.#options.expiryMargin
  }

  #isDue(current: Current): boolean {
    return !this.#isServable(current) || this.#dueIn(current) <= 0
  }

  /** Milliseconds until the value is refreshed ahead of its end: never in the first half of a short life. */
  #dueIn(current: Current): number {
    const { refreshAhead, expiryMargin } = this.#options
    if (this.#contested !== undefined) return 0
    const ahead = Math.min(refreshAhead, (current.lifetime ?? Number.POSITIVE_INFINITY) / 2)
    const left = leftOf(current, this.#clock)
    const afterGap = this.#askAgainAt - this.#clock.monotonic()
    return Math.min(left - expiryMargin, Math.max(left - ahead, afterGap))
  }

  /** Why a refresh that nobody demanded is started. */
  #cause(): RefreshCause {
    const current = this.#current
    if (this.#contested !== undefined) return 'fenced'
    if (current === undefined) return 'cold'
    if (current.rejected) return 'rejected'
    return this.#isServable(current) ? 'ahead' : 'expired'
  }

  #refreshInBackground(): void {
    // A failure is kept by #backoff, told as an event, and made up for by the timer.
    this.#refresh(this.#cause()).catch(() => undefined)
  }

  #refresh(cause: RefreshCause): Promise<Held> {
    if (this.#stopped) return Promise.reject(closed())
    const { error, retryIn } = this.#backoff
    if (error !== undefined && retryIn > 0) return Promise.reject(error)
    const settlesIn = this.#settledAt - this.#clock.monotonic()
    if (settlesIn > 0 && cause !== 'manual') return this.#settling.run(() => this.#refreshIn(settlesIn))
    return this.#refreshing.run(() => this.#attempt(cause))
  }

  /** What another process has put back by then needs no refresh. */
  async #refreshIn(ms: number): Promise<Held> {
    await pause(this.#clock, ms)
    const current = this.#current
    return current !== undefined && !this.#isDue(current) ? asHeld(current, 'memory') : this.#refresh(this.#cause())
  }

  async #attempt(cause: RefreshCause): Promise<Held> {
    try {
      const work = (accessToken?: string) => this.#replaceFor(cause, accessToken)
      const held = await (this.#options.withToken?.(work) ?? work())
      this.#backoff.succeeded()
      this.#observe({ type: 'refreshed', cause, from: held.from, expiresIn: secondsLeft(held, this.#clock) })
      return held
    } catch (thrown) {
      const error = asWechatError(thrown)
      this.#backoff.failed(error)
      // A change of the store that came during the attempt was left to it.
      void this.#followStore()
      const retryAfter = Math.ceil(this.#backoff.retryIn / 1000)
      this.#observe({ type: 'refresh-failed', cause, error, retryAfter, servingOld: this.#living() !== undefined })
      throw error
    } finally {
      this.#schedule()
    }
  }

  async #replaceFor(cause: RefreshCause, accessToken: string | undefined): Promise<Held> {
    // Nothing: the fetch is contested.
    const held = (await this.#locked(cause, accessToken)) ?? (await this.#locked('fenced', accessToken))
    if (held === undefined) throw overtaken()
    return held
  }

  async #locked(cause: RefreshCause, accessToken: string | undefined): Promise<Held | undefined> {
    const { storage, name } = this.#options
    const replace = (lease: Lease) => this.#replace(cause, accessToken, lease)
    if (storage.lock === undefined) return replace(endlessLease)
    let replaced: Promise<Held | undefined> | undefined
    try {
      return await storage.lock(name, (lease) => {
        replaced = replace(lease)
        return replaced
      })
    } catch (error) {
      if (error instanceof WechatError) throw error
      // A full or read-only disk gives no lock, or can't end it; it must not stop the credential.
      this.#observe({ type: 'lock-failed', error })
      return replaced ?? replace(endlessLease)
    }
  }

  /** With the lock held: takes what another process has stored, or fetches. Nothing: the fetch is contested. */
  async #replace(cause: RefreshCause, accessToken: string | undefined, lease: Lease): Promise<Held | undefined> {
    const stored = await this.#record.read()
    if (stored !== undefined && isIssuedAfter(stored.issued, this.#contested?.issued)) {
      this.#contested = undefined
      // What is known already may be known to be refused.
      if (stored.value !== this.#current?.value) this.#adopt(currentFromStore(stored, this.#clock))
    }
    const mayTakeStored = cause !== 'manual' && this.#contested === undefined
    if (mayTakeStored && stored !== undefined && this.#isBetter(stored)) {
      return asHeld(this.#adopt(currentFromStore(stored, this.#clock)), 'store')
    }
    const known = this.#current
    // While this refresh waited for the lock a caller may have taken what another process had stored.
    if (mayTakeStored && known !== undefined && this.#hasDone(cause, known)) return asHeld(known, 'store')
    const version = await this.#versionAfter(known, stored)
    const fresh = await this.#fetch(known, { version, accessToken, lease })
    const isKept = (await this.#record.save(fresh)) || !this.#options.exclusive
    const stands = isKept ? fresh : await this.#record.overtake(fresh)
    this.#contested = stands === undefined ? fresh : undefined
    this.#askAgainAt = fresh.value === known?.value ? this.#clock.monotonic() + sameValueGap : 0
    // A contested value is kept too: it lives on for the change-over at least.
    const current = this.#adopt(stands ?? fresh)
    return stands === undefined ? undefined : asHeld(current, 'wechat')
  }

  /** Makes up for a failed save, if there is one. */
  async #saveAgain(): Promise<void> {
    const { unsaved } = this.#record
    if (unsaved === undefined || (await this.#record.save(unsaved)) || !this.#options.exclusive) return
    if ((await this.#record.overtake(unsaved)) !== undefined) return
    // A later fetch of this process has decided it.
    const isOvertaken = this.#current?.from === 'wechat' && this.#current.version > unsaved.version
    if (!isOvertaken) this.#contested = unsaved
  }

  /** Whether a refresh that was started for this cause has been made up for. */
  #hasDone(cause: RefreshCause, known: Current): boolean {
    return cause === 'ahead' ? !this.#isDue(known) : this.#isServable(known)
  }

  async #versionAfter(known: Current | undefined, stored: Stored | undefined): Promise<number> {
    const latest = Math.max(known?.version ?? 0, stored?.version ?? 0)
    return latest === 0 ? ((await this.#options.storage.firstVersion?.()) ?? 1) : latest + 1
  }

  async #fetch(
    known: Current | undefined,
    { version, accessToken, lease }: { version: number; accessToken: string | undefined; lease: Lease },
  ): Promise<Current> {
    const now = this.#clock.now()
    const monotonic = this.#clock.monotonic()
    const rejected = this.#isDeadEarly(known) ? known.value : undefined
    const window = new FetchWindow(this.#clock, this.#options.timeout, lease)
    const { value, expiresIn, issued } = await this.#options
      .fetch({ forced: rejected !== undefined, rejected, accessToken, deadline: window })
      .catch((error: unknown) => {
        const mayHaveEndedAnother = error instanceof UpstreamError && error.delivered && window.mayBeLate
        if (mayHaveEndedAnother && this.#options.exclusive) this.#contested = {}
        throw error
      })
    if (value === rejected) throw stillRefused()
    const left = expiresIn * 1000
    if (left <= this.#options.expiryMargin) throw tooShort(expiresIn)
    const lifetime = value === known?.value ? (known.lifetime ?? left) : left
    // WeChat counts from its answer on; to count from the request on errs on the safe side.
    return {
      value,
      expiresAt: now + left,
      endsAt: monotonic + left,
      lifetime,
      version,
      issued,
      from: 'wechat',
      rejected: false,
    }
  }

  /** Whether the value must be replaced before its time. A contested fetch has done so already. */
  #isDeadEarly(known: Current | undefined): known is Current {
    return known?.rejected === true && this.#contested === undefined && leftOf(known, this.#clock) > 0
  }

  #isBetter(stored: Stored): boolean {
    const known = this.#current
    if (!this.#isServable(currentFromStore(stored, this.#clock))) return false
    if (known === undefined) return true
    if (known.rejected && stored.value === known.value) return false
    // Another program's versions may be small numbers: its value is the newer one if it dies later.
    return stored.version > known.version || stored.expiresAt > known.expiresAt + 1000
  }

  #adopt(current: Current): Current {
    this.#options.learn(current.value)
    const before = this.#current
    if (before !== undefined && before.value !== current.value) {
      const until = Math.min(before.endsAt, this.#clock.monotonic() + changeOver)
      this.#previous = before.rejected ? undefined : { value: before.value, until }
    }
    this.#current = current
    this.#freshen()
    return current
  }

  /** Takes the stored value if there is none in memory. From the first call on the timer and the watch are on. */
  #load(): Promise<void> | undefined {
    if (this.#current !== undefined) return undefined
    // The refresh looks into the store itself.
    if (this.#asked && this.#refreshing.running) return undefined
    return this.#loading.run(async () => {
      this.#asked = true
      if (!this.#stopped) this.#record.watch((event) => void (event === 'back' ? this.#goOn() : this.#followStore()))
      const stored = await this.#record.look()
      if (stored !== undefined && this.#current === undefined) this.#adopt(currentFromStore(stored, this.#clock))
      this.#schedule()
    })
  }

  /** What is stored, as it was at most a second ago: any stranger can ask. */
  #peek(): Promise<Stored | undefined> {
    const now = this.#clock.monotonic()
    if (this.#peeked === undefined || now - this.#peeked.at >= peekGap) {
      this.#peeked = { at: now, stored: this.#record.look() }
    }
    return this.#peeked.stored
  }

  /** The storage is back: what nobody else can know is stored first, then what others stored is taken, and what is due is done. */
  async #goOn(): Promise<void> {
    this.#settledAt = this.#clock.monotonic() + settling + settlingSpread * this.#options.random()
    if (this.#backoff.error?.code === 'STORE_AWAY') this.#backoff.succeeded()
    await this.#saveAgain()
    await this.#followStore()
    this.#schedule()
  }

  /** Takes a newer value that another process has stored. */
  async #followStore(): Promise<void> {
    const stored = await this.#record.look()
    const known = this.#current
    if (this.#refreshing.running) return
    if (stored !== undefined && this.#isBetter(stored)) {
      const version = Math.max(stored.version, (known?.version ?? -1) + 1)
      const adopted = this.#adopt({ ...currentFromStore(stored, this.#clock), version })
      this.#backoff.succeeded()
      this.#observe({ type: 'adopted', expiresIn: secondsLeft(adopted, this.#clock) })
      this.#schedule()
      if (version > stored.version) await this.#record.save(adopted)
    } else if (known !== undefined && this.#isServable(known) && this.#isMissingFrom(stored, known)) {
      await this.#record.save(known)
    }
  }

  /** Whether the storage lost the known value: it is gone, was broken and set aside, or an older one was put over it. */
  #isMissingFrom(stored: Stored | undefined, known: Current): boolean {
    return stored === undefined ? this.#record.isMissing : stored.version < known.version
  }

  /** Works out how long the current value can be given out without a further look. */
  #freshen(): void {
    const current = this.#current
    if (current === undefined || this.#isDue(current)) {
      this.#freshUntil = Number.NEGATIVE_INFINITY
      return
    }
    const held = asHeld(current, 'memory')
    this.#fresh = Promise.resolve(held)
    this.#freshValue = Promise.resolve(held.value)
    this.#freshUntil = this.#clock.now() + Math.min(this.#dueIn(current), longestSleep)
  }

  #schedule(): void {
    this.#cancelTick?.()
    if (this.#stopped || !this.#asked) return
    this.#cancelTick = this.#clock.after(this.#sleep(), () => void this.#tick(), { background: true })
  }

  /** How long nothing has to be done, in ms. */
  #sleep(): number {
    const saveIn = this.#record.unsaved !== undefined ? saveGap : longestSleep
    return Math.min(saveIn, Math.max(this.#neededIn(), this.#backoff.retryIn), longestSleep)
  }

  /** Milliseconds until a refresh is needed; 0: it is needed now, be it allowed or not. */
  #neededIn(): number {
    const current = this.#current
    // A first fetch that failed is made up for. Before anybody has asked for one, none is needed.
    if (current === undefined) return this.#backoff.error === undefined ? longestSleep : 0
    return this.#isDue(current) ? 0 : this.#dueIn(current)
  }

  async #tick(): Promise<void> {
    await this.#saveAgain()
    // Not every file system tells of changes: what another process stored is found here at the latest.
    void this.#followStore()
    this.#freshen()
    if (this.#neededIn() === 0 && this.#backoff.retryIn === 0) this.#refreshInBackground()
    else this.#schedule()
  }

  #observe(event: CredentialHappening): void {
    this.#options.observe(event)
  }
}
