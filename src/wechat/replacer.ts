import { overtaken, stillRefused, tooShort } from './credential-errors.js'
import type { RefreshCause } from './credential-event.js'
import type { CredentialOptions } from './credential-options.js'
import type { CredentialRecord } from './credential-record.js'
import type { CurrentValue } from './current-value.js'
import { UpstreamError, WechatError } from './errors.js'
import { FetchWindow } from './fetch-window.js'
import { asHeld, type Current, type Held, leftOf } from './held.js'
import { isIssuedAfter } from './issued.js'
import type { Stored } from './record.js'
import { endlessLease, type Lease } from './storage.js'

/** What a fetch is made with. */
interface FetchParts {
  readonly version: number
  readonly accessToken: string | undefined
  readonly lease: Lease
}

/**
 * Replaces the value by what another process has stored, or by what WeChat gives, and sees to it that this gets stored. Where two
 * processes fetched all the same, it finds out whose value lives.
 */
export class Replacer {
  readonly #options: CredentialOptions
  readonly #value: CurrentValue
  readonly #record: CredentialRecord

  constructor(options: CredentialOptions, value: CurrentValue, record: CredentialRecord) {
    this.#options = options
    this.#value = value
    this.#record = record
  }

  /**
   * With the lock held.
   *
   * @throws {WechatError} when that fails; the old value stays.
   */
  replace(cause: RefreshCause): Promise<Held> {
    const work = (accessToken?: string) => this.#replaceWith(cause, accessToken)
    return this.#options.withToken?.(work) ?? work()
  }

  /** Makes up for a failed save, if there is one. */
  async saveAgain(): Promise<void> {
    const { unsaved } = this.#record
    if (unsaved === undefined || (await this.#record.save(unsaved)) || !this.#options.exclusive) return
    if ((await this.#record.overtake(unsaved)) !== undefined) return
    // A later fetch of this process has decided it.
    const known = this.#value.held
    const isOvertaken = known?.from === 'wechat' && known.version > unsaved.version
    if (!isOvertaken) this.#value.contested = unsaved
  }

  async #replaceWith(cause: RefreshCause, accessToken: string | undefined): Promise<Held> {
    // Nothing: the fetch is contested.
    const held = (await this.#locked(cause, accessToken)) ?? (await this.#locked('fenced', accessToken))
    if (held === undefined) throw overtaken()
    return held
  }

  async #locked(cause: RefreshCause, accessToken: string | undefined): Promise<Held | undefined> {
    const { storage, name, observe } = this.#options
    const work = (lease: Lease) => this.#replace(cause, accessToken, lease)
    if (storage.lock === undefined) return work(endlessLease)
    let replaced: Promise<Held | undefined> | undefined
    try {
      return await storage.lock(name, (lease) => {
        replaced = work(lease)
        return replaced
      })
    } catch (error) {
      if (error instanceof WechatError) throw error
      // A full or read-only disk gives no lock, or can't end it; it must not stop the credential.
      observe({ type: 'lock-failed', error })
      return replaced ?? work(endlessLease)
    }
  }

  /** With the lock held: takes what another process has stored, or fetches. Nothing: the fetch is contested. */
  async #replace(cause: RefreshCause, accessToken: string | undefined, lease: Lease): Promise<Held | undefined> {
    const value = this.#value
    const stored = await this.#record.read()
    if (stored !== undefined && isIssuedAfter(stored.issued, value.contested?.issued)) {
      value.contested = undefined
      // What is known already may be known to be refused.
      if (stored.value !== value.held?.value) value.adoptStored(stored)
    }
    const mayTakeStored = cause !== 'manual' && value.contested === undefined
    if (mayTakeStored && stored !== undefined && value.isWorseThan(stored)) {
      return asHeld(value.adoptStored(stored), 'store')
    }
    const known = value.held
    // While this refresh waited for the lock a caller may have taken what another process had stored.
    if (mayTakeStored && known !== undefined && this.#hasDone(cause)) return asHeld(known, 'store')
    const version = await this.#versionAfter(known, stored)
    const fresh = await this.#fetch(known, { version, accessToken, lease })
    const isKept = (await this.#record.save(fresh)) || !this.#options.exclusive
    const stands = isKept ? fresh : await this.#record.overtake(fresh)
    // A contested value is kept too: it lives on for the change-over at least.
    const current = value.adoptFetched(stands ?? fresh, { contested: stands === undefined })
    return stands === undefined ? undefined : asHeld(current, 'wechat')
  }

  /** Whether a refresh that was started for this cause has been made up for. */
  #hasDone(cause: RefreshCause): boolean {
    return cause === 'ahead' ? this.#value.isSettled : this.#value.isServable
  }

  async #versionAfter(known: Current | undefined, stored: Stored | undefined): Promise<number> {
    const latest = Math.max(known?.version ?? 0, stored?.version ?? 0)
    return latest === 0 ? ((await this.#options.storage.firstVersion?.()) ?? 1) : latest + 1
  }

  async #fetch(known: Current | undefined, { version, accessToken, lease }: FetchParts): Promise<Current> {
    const { clock, exclusive, expiryMargin, timeout } = this.#options
    const now = clock.now()
    const monotonic = clock.monotonic()
    const rejected = this.#isDeadEarly(known) ? known.value : undefined
    const window = new FetchWindow(clock, timeout, lease)
    const { value, expiresIn, issued } = await this.#options
      .fetch({ forced: rejected !== undefined, rejected, accessToken, deadline: window })
      .catch((error: unknown) => {
        const mayHaveEndedAnother = error instanceof UpstreamError && error.delivered && window.mayBeLate
        if (mayHaveEndedAnother && exclusive) this.#value.contested = {}
        throw error
      })
    if (value === rejected) throw stillRefused()
    const left = expiresIn * 1000
    if (left <= expiryMargin) throw tooShort(expiresIn)
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
    return known?.rejected === true && this.#value.contested === undefined && leftOf(known, this.#options.clock) > 0
  }
}
