import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../wechat/clock.js'
import type { Database } from './level-database.js'
import { type End, endFrom, endKey, endsUntil, recordKey } from './level-records.js'
import type { Turns } from './level-turns.js'

/** In ms. */
const beforeFirst = 5_000
const betweenSweeps = 60_000

/** How many records are removed in one go; then the process's other work has its turn. */
const chunk = 100

/** Removes records whose end has come, once a minute; the first time 5 s from now. */
export class Sweeper {
  readonly #database: Database
  readonly #turns: Turns
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  #sweeping: Promise<void> = Promise.resolve()
  #callOff: () => void = () => undefined
  #stopped = false

  constructor(database: Database, turns: Turns, clock: Clock, failed: (error: unknown) => void) {
    this.#database = database
    this.#turns = turns
    this.#clock = clock
    this.#failed = failed
    this.#plan(beforeFirst)
  }

  /** Resolves when nothing is being removed any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#callOff()
    await this.#sweeping
  }

  #plan(ms: number): void {
    if (this.#stopped) return
    const start = () => {
      this.#sweeping = this.#sweep()
        .catch(this.#failed)
        .finally(() => this.#plan(betweenSweeps))
    }
    this.#callOff = this.#clock.after(ms, start, { background: true })
  }

  async #sweep(): Promise<void> {
    // One iterator for all: a new one for each chunk would pass over all that have just been removed.
    const due = this.#database.keys(endsUntil(this.#clock.now()))
    try {
      for (;;) {
        const found = await due.nextv(chunk)
        if (found.length === 0 || this.#stopped) return
        await this.#remove(found.map(endFrom))
        await turn()
      }
    } finally {
      await due.close()
    }
  }

  async #remove(ends: readonly End[]): Promise<void> {
    const keys = ends.map(({ key }) => key)
    await this.#turns.run(keys, async () => {
      // One that is gone was found before its record was given another end.
      const still = await this.#database.hasMany(ends.map(endKey))
      const over = ends.filter((_, index) => still[index])
      await this.#database.batch(
        over.flatMap((end) => [
          { type: 'del', key: endKey(end) },
          { type: 'del', key: recordKey(end.key) },
        ]),
      )
    })
  }
}
