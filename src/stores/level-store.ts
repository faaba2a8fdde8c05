import { errorCode } from '../error-code.js'
import type { Clock } from '../wechat/clock.js'
import { checkChange, checkRange, checkText, keyOf, latestOf } from './check-change.js'
import { Batches } from './level-batches.js'
import type { Database, Operation } from './level-database.js'
import { endKey, entryFrom, keyFrom, lives, recordKey, recordsBehind, recordText } from './level-records.js'
import { Sweeper } from './level-sweeper.js'
import { Turns } from './level-turns.js'
import { type Change, type Entry, type KeyRange, type KeyValueStore, StoreError } from './store.js'

/** How many records are read in one go. */
const chunk = 100

export interface LevelStoreOptions {
  readonly clock: Clock
  /** Called once, when damage comes to light. */
  readonly damaged?: (error: StoreError) => void
  readonly sweepFailed: (error: StoreError) => void
  /** Closes the database and opens it again, after a change could not be written. Default: it goes on as it is. */
  readonly reopen?: () => Promise<void>
  /** Called when no change is taken until the database has been opened anew, and when they are taken again. */
  readonly away?: (error: StoreError) => void
  readonly back?: () => void
  /** Called when the database is closed. */
  readonly closed?: () => void
}

/** A KeyValueStore on an open LevelDB that belongs to this process alone. */
export class LevelStore implements KeyValueStore {
  readonly #database: Database
  readonly #options: LevelStoreOptions
  readonly #batches: Batches
  readonly #turns = new Turns()
  readonly #sweeper: Sweeper
  readonly #underWay = new Set<Promise<unknown>>()
  #damageTold = false
  #closing: Promise<void> | undefined

  constructor(database: Database, options: LevelStoreOptions) {
    this.#database = database
    this.#options = options
    const { clock, reopen, away, back } = options
    this.#batches = new Batches({
      ...{ database, clock },
      reopen: reopen && (() => reopen().catch((error: unknown) => Promise.reject(this.#explained(error)))),
      changed: (failure) => (failure === undefined ? back?.() : away?.(failure)),
    })
    this.#sweeper = new Sweeper({
      ...{ database, clock, batches: this.#batches, turns: this.#turns },
      failed: (error) => options.sweepFailed(this.#explained(error)),
    })
  }

  /** Reads at once: a trip to another thread, and each promise more, costs more than the look-up (`npm run bench`, "sessions"). */
  async get(key: string): Promise<string | undefined> {
    checkText('key', key)
    if (this.#closing !== undefined) throw closed()
    try {
      const text = this.#database.getSync(recordKey(key))
      return text === undefined ? undefined : this.#living(entryFrom(key, text))?.value
    } catch (error) {
      throw this.#explained(error)
    }
  }

  async write(changes: readonly Change[]): Promise<void> {
    await this.#change(changes)
  }

  async putIfAbsent(entry: Entry, also: readonly Change[] = []): Promise<string | undefined> {
    return this.#change([{ put: entry }, ...also], { key: entry.key, is: undefined })
  }

  async replace(key: string, expected: string, changes: readonly Change[]): Promise<boolean> {
    checkText('key', key)
    return (await this.#change(changes, { key, is: expected })) === expected
  }

  async list(range: KeyRange): Promise<Entry[]> {
    checkRange(range)
    const { prefix, after, limit } = range
    return this.#run(() => this.#collect(prefix, after, limit))
  }

  async count(prefix: string): Promise<number> {
    const entries = await this.list({ prefix, limit: Number.MAX_SAFE_INTEGER })
    return entries.length
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Makes the changes, if the value at a key is what it must be. Answers the value that was there. */
  async #change(changes: readonly Change[], condition?: Condition): Promise<string | undefined> {
    for (const change of changes) checkChange(change)
    const latest = latestOf(changes)
    const keys = [...new Set([...latest.map(keyOf), ...(condition === undefined ? [] : [condition.key])])]
    return this.#run(() =>
      this.#turns.run(keys, async () => {
        const found = this.#read(keys)
        const there = condition === undefined ? undefined : found.get(condition.key)
        const value = there === undefined ? undefined : this.#living(there)?.value
        if (condition === undefined || value === condition.is) {
          await this.#batches.write(latest.flatMap((change) => operations(change, found)))
        }
        return value
      }),
    )
  }

  /**
   * What is there before a change. At once, which takes a tenth of what waking a thread does (`npm run bench`): most often nothing
   * is there, which LevelDB's filters tell without the disk, or it was written a moment ago.
   */
  #read(keys: readonly string[]): Map<string, Entry> {
    return new Map(
      keys.flatMap((key) => {
        const text = this.#database.getSync(recordKey(key))
        return text === undefined ? [] : [[key, entryFrom(key, text)] as const]
      }),
    )
  }

  async #collect(prefix: string, after: string | undefined, limit: number): Promise<Entry[]> {
    const entries: Entry[] = []
    const rows = this.#database.iterator({ ...recordsBehind(prefix, after), keyEncoding: 'buffer' })
    try {
      while (entries.length < limit) {
        const found = await rows.nextv(Math.min(chunk, limit - entries.length))
        if (found.length === 0) break
        for (const [key, text] of found) {
          const entry = this.#living(entryFrom(keyFrom(key), text))
          if (entry !== undefined) entries.push(entry)
        }
      }
    } finally {
      await rows.close()
    }
    return entries
  }

  #living(entry: Entry): Entry | undefined {
    return lives(entry, this.#options.clock.now()) ? entry : undefined
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw closed()
    const running = work()
    this.#underWay.add(running)
    try {
      return await running
    } catch (error) {
      throw this.#explained(error)
    } finally {
      this.#underWay.delete(running)
    }
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    await this.#sweeper.stop()
    await this.#batches.stop()
    try {
      await this.#database.close()
    } catch (error) {
      throw this.#explained(error)
    } finally {
      this.#options.closed?.()
    }
  }

  #explained(error: unknown): StoreError {
    const explained = storeErrorFrom(error)
    if (explained.code === 'STORE_DAMAGED' && !this.#damageTold) {
      this.#damageTold = true
      this.#options.damaged?.(explained)
    }
    return explained
  }
}

function closed(): StoreError {
  return new StoreError('STORE_CLOSED', 'the store has been closed')
}

interface Condition {
  readonly key: string
  readonly is: string | undefined
}

/** What LevelDB answers while it is closed to be opened anew. */
const notOpen = ['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_ITERATOR_NOT_OPEN']

function storeErrorFrom(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const code = errorCode(error) ?? ''
  if (notOpen.includes(code)) return new StoreError('STORE_AWAY', 'the store is being opened anew', error)
  if (code === 'LEVEL_CORRUPTION') {
    return new StoreError('STORE_DAMAGED', 'the store is damaged', error)
  }
  return new StoreError('STORE_FAILED', 'the store failed', error)
}

function operations(change: Change, found: ReadonlyMap<string, Entry>): Operation[] {
  const key = keyOf(change)
  const old = found.get(key)?.expiresAt
  const made: Operation[] = old === undefined ? [] : [{ type: 'del', key: endKey({ key, expiresAt: old }) }]
  if ('remove' in change) return [...made, { type: 'del', key: recordKey(key) }]
  made.push({ type: 'put', key: recordKey(key), value: recordText(change.put) })
  const { expiresAt } = change.put
  if (expiresAt !== undefined) made.push({ type: 'put', key: endKey({ key, expiresAt }), value: '' })
  return made
}
