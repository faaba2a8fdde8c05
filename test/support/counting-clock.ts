import { MovableClock } from './movable-clock.js'
import { until } from './until.js'

/** Knows when a look of a watch has ended: it then sets its timer for the next one. */
export class CountingClock extends MovableClock {
  timers = 0

  override after(ms: number, work: () => void): () => void {
    this.timers += 1
    return super.after(ms, work)
  }

  /** Lets so many watches, which began in the same instant, look once more. */
  async look(watches = 1): Promise<void> {
    const { timers } = this
    await this.advance(500)
    await until(() => this.timers >= timers + watches)
  }
}
