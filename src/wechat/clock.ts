/** Where time comes from. Everything that waits or measures takes one of these, so that tests can move time. */
export interface Clock {
  /** The wall clock, in ms since the epoch. Moments of death are told in it. It may jump. */
  now(): number
  /** The monotonic clock, in ms since some fixed instant. Durations are measured with it. It never goes back. */
  monotonic(): number
  /**
   * Calls `work` once, `ms` from now, and returns a function that calls it off. A `background` timer does not keep
   * the process alive. Default: it does.
   */
  after(ms: number, work: () => void, options?: { background?: boolean }): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, work, options) {
    const timer = setTimeout(work, ms)
    if (options?.background) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Resolves `ms` from now on the given clock. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}
