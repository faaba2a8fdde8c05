import { type Clock, pause } from './clock.js'
import type { CredentialHappening } from './credential-event.js'
import { type Current, secondsLeft } from './held.js'
import { SingleFlight } from './single-flight.js'

/** WeChat is asked at most this often whether a value is dead, in ms. */
const probeGap = 5_000

export interface RejectionReportsOptions {
  readonly clock: Clock
  probe(value: string): Promise<boolean>
  readonly observe: (event: CredentialHappening) => void
  current(): Current | undefined
  /** Takes a newer value if another process has stored one. */
  followStore(): Promise<void>
  /** Marks a value as dead before its time. */
  markRejected(current: Current): void
}

/** Finds out whether a value that somebody reports as refused is dead, and whether it died before its time (P5, P11). */
export class RejectionReports {
  readonly #options: RejectionReportsOptions
  readonly #probing = new SingleFlight<void>()
  #probedAt = Number.NEGATIVE_INFINITY
  #probes = 0
  #stopped = false

  constructor(options: RejectionReportsOptions) {
    this.#options = options
  }

  get running(): boolean {
    return this.#probing.running
  }

  /** Reports that wait are dropped. */
  stop(): void {
    this.#stopped = true
  }

  idle(): Promise<void> {
    return this.#probing.idle()
  }

  /**
   * Looks into a report; afterwards a dead value is marked as such. WeChat is asked at most once in 5 s: a report that comes
   * sooner waits, or, with `wait` false, is left at what WeChat said then.
   */
  async examine(value: string, noticedBy: string, { wait }: { wait: boolean }): Promise<void> {
    if (this.#isSettled(value)) return
    const probesBefore = this.#probes
    await this.#options.followStore()
    if (this.#isSettled(value)) return
    // A question that was put after this report came answers it.
    if (this.#probes > probesBefore) return this.#probing.idle()
    if (!wait && this.#probeableIn > 0 && !this.#probing.running) return this.#report('too-soon')
    while (this.#probeableIn > 0 && !this.#probing.running) {
      await pause(this.#options.clock, this.#probeableIn)
      if (this.#isSettled(value)) return
    }
    await this.#probing.run(() => this.#probe(value, noticedBy))
  }

  get #probeableIn(): number {
    return this.#probedAt + probeGap - this.#options.clock.monotonic()
  }

  /** Whether there is nothing to find out: another value is current, or this one is known to be dead. */
  #isSettled(value: string): boolean {
    const current = this.#options.current()
    if (this.#stopped) return true
    if (current?.value === value) return current.rejected
    this.#report('not-current')
    return true
  }

  async #probe(value: string, noticedBy: string): Promise<void> {
    this.#probes += 1
    this.#probedAt = this.#options.clock.monotonic()
    const accepted = await this.#options.probe(value).catch(() => undefined)
    if (accepted === undefined) return this.#report('cannot-tell')
    if (accepted) return this.#report('alive')
    this.#report('dead')
    const current = this.#options.current()
    if (current?.value !== value) return
    this.#options.markRejected(current)
    const left = secondsLeft(current, this.#options.clock)
    const age = current.lifetime === undefined ? undefined : Math.round(current.lifetime / 1000) - left
    if (left > 0) this.#options.observe({ type: 'died-early', noticedBy, age, secondsLeft: left })
  }

  #report(outcome: Extract<CredentialHappening, { type: 'reported' }>['outcome']): void {
    this.#options.observe({ type: 'reported', outcome })
  }
}
