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
    const timer = { at: this.#monotonic + Math.max(0, ms), work }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Moves both clocks on by `ms`, stopping at each timer; `settled` is awaited after each, so that real I/O can end. */
  async advance(ms: number, settled: () => Promise<void> = turn): Promise<void> {
    const end = this.#monotonic + ms
    await settled()
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#step(Math.max(0, timer.at - this.#monotonic))
      this.#timers.delete(timer)
      timer.work()
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

  #next(end: number): Timer | undefined {
    return [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
  }
}

/** One full turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
