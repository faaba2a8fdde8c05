import type { Clock } from '../../src/wechat/clock.js'

interface Timer {
  at: number
  work: () => void
}

/** A clock that stands still until a test moves it. Timers fire in order, each at its own instant. */
export class MovableClock implements Clock {
  #wall: number
  #monotonic = 0
  readonly #timers = new Set<Timer>()

  constructor(wall = Date.UTC(2026, 0, 1)) {
    this.#wall = wall
  }

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  after(ms: number, work: () => void): () => void {
    // Like Node's: a millisecond at least, so that time goes on.
    const timer = { at: this.#monotonic + Math.max(1, ms), work }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Moves both clocks on by `ms`, stopping where timers are due; `settled` is awaited then, so that real I/O can end. */
  async advance(ms: number, settled: () => Promise<void> = turn): Promise<void> {
    const end = this.#monotonic + ms
    await settled()
    for (let due = this.#due(end); due.length > 0; due = this.#due(end)) {
      this.#step(Math.max(0, (due[0]?.at ?? 0) - this.#monotonic))
      // One that an earlier one calls off does not fire.
      for (const timer of due) if (this.#timers.delete(timer)) timer.work()
      await settled()
    }
    this.#step(end - this.#monotonic)
  }

  /** Sets the wall clock forward or back, as an operator or NTP does. No timer notices. */
  jump(ms: number): void {
    this.#wall += ms
  }

  /** Moves both clocks on while no timer fires, as for a process that was stopped and went on. They fire with the next move. */
  freeze(ms: number): void {
    this.#step(ms)
  }

  #step(ms: number): void {
    this.#wall += ms
    this.#monotonic += ms
  }

  /** The timers of the next instant at which there are any, in the order in which they were set. */
  #due(end: number): Timer[] {
    const instant = [...this.#timers].reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY)
    return instant > end ? [] : [...this.#timers].filter(({ at }) => at === instant)
  }
}

/** One full turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
