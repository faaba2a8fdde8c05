import type { Clock } from '../wechat/clock.js'
import type { Database, Operation } from './level-database.js'
import { StoreError } from './store.js'

/** How long after a failed try to open the database anew the next one is made, in ms. */
const gap = 1_000

/** Batches that wait for another one are written together, up to so many operations. */
const most = 1_000

export interface BatchesOptions {
  readonly database: Pick<Database, 'batch'>
  readonly clock: Pick<Clock, 'after'>
  /** Closes the database and opens it again. Undefined: it goes on after a failure. */
  readonly reopen: (() => Promise<void>) | undefined
  /** Told why no batch is taken any more; with undefined: they are taken again. */
  readonly changed: (failure: StoreError | undefined) => void
}

interface Waiting {
  readonly operations: readonly Operation[]
  readonly written: () => void
  readonly failed: (error: unknown) => void
}

/**
 * Writes batches, one after the other. One that fails can leave half a record in LevelDB's log: LevelDB takes others behind it,
 * and loses those at its next start. So none is taken after a failure until the database has been opened anew.
 */
export class Batches {
  readonly #options: BatchesOptions
  readonly #waiting: Waiting[] = []
  #writing = false
  #failure: StoreError | undefined
  #mending: Promise<void> = Promise.resolve()
  #callOff: () => void = () => undefined
  #stopped = false

  constructor(options: BatchesOptions) {
    this.#options = options
  }

  /** Rejects as the database does; with STORE_AWAY, at once, as long as none is taken. */
  write(operations: readonly Operation[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((written, failed) => {
      this.#waiting.push({ operations, written, failed })
      if (!this.#writing) void this.#writeAll()
    })
  }

  /** Resolves when the database is left alone. Call it when nothing is being written. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#callOff()
    await this.#mending
  }

  async #writeAll(): Promise<void> {
    this.#writing = true
    for (let together = this.#next(); together.length > 0; together = this.#next()) {
      try {
        await this.#options.database.batch(together.flatMap(({ operations }) => operations))
        for (const { written } of together) written()
      } catch (error) {
        for (const { failed } of together) failed(error)
        this.#giveUp(error)
      }
    }
    this.#writing = false
  }

  #next(): Waiting[] {
    let operations = 0
    const enough = this.#waiting.findIndex((each) => {
      operations += each.operations.length
      return operations >= most
    })
    return this.#waiting.splice(0, enough === -1 ? this.#waiting.length : enough + 1)
  }

  #giveUp(cause: unknown): void {
    if (this.#options.reopen === undefined) return
    const failure = new StoreError('STORE_AWAY', 'the store takes nothing until it has been opened anew', cause)
    this.#failure = failure
    for (const { failed } of this.#waiting.splice(0)) failed(failure)
    this.#options.changed(failure)
    this.#mending = this.#mend(this.#options.reopen)
  }

  async #mend(reopen: () => Promise<void>): Promise<void> {
    try {
      await reopen()
    } catch {
      if (this.#stopped) return
      const again = () => {
        this.#mending = this.#mend(reopen)
      }
      this.#callOff = this.#options.clock.after(gap, again, { background: true })
      return
    }
    this.#failure = undefined
    this.#options.changed(undefined)
  }
}
