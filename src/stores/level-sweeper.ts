import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../wechat/clock.js'
import type { Batches } from './level-batches.js'
import type { Database } from './level-database.js'
import { type End, endFrom, endKey, endsUntil, recordKey } from './level-records.js'
import type { Turns } from './level-turns.js'

/** In ms. */
const beforeFirst = 5_000
const betweenSweeps = 60_000

/** How many records are removed in one go; then the process's other work has its turn. */
const chunk = 100

export interface SweeperOptions {
  readonly database: Pick<Database, 'keys' | 'hasMany'>
  readonly batches: Pick<Batches, 'write'>
  readonly turns: Turns
  readonly clock: Clock
  /** Told why a sweep ended early. */
  readonly failed: (error: unknown) => void
}

/** Removes records whose end has come, once a minute; the first time 5 s from now. */
export class Sweeper {
  readonly #options: SweeperOptions
  #sweeping: Promise<void> = Promise.resolve()
  #callOff: () => void = () => undefined
  #stopped = false

  constructor(options: SweeperOptions) {
    this.#options = options
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
        .catch(this.#options.failed)
        .finally(() => this.#plan(betweenSweeps))
    }
    this.#callOff = this.#options.clock.after(ms, start, { background: true })
  }

  async #sweep(): Promise<void> {
    const { database, clock } = this.#options
    // One iterator for all: a new one for each chunk would pass over all that have just been removed.
    const due = database.keys(endsUntil(clock.now()))
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
    const { database, batches, turns } = this.#options
    const keys = ends.map(({ key }) => key)
    await turns.run(keys, async () => {
      // One that is gone was found before its record was given another end.
      const still = await database.hasMany(ends.map(endKey))
      const over = ends.filter((_, index) => still[index])
      await batches.write(
        over.flatMap((end) => [
          { type: 'del', key: endKey(end) },
          { type: 'del', key: recordKey(end.key) },
        ]),
      )
    })
  }
}
