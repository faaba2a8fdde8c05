import type { Clock } from '../wechat/clock.js'
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
  /** Called when the database is closed. */
  readonly closed?: () => void
}

/** A KeyValueStore on an open LevelDB that belongs to this process alone. */
export class LevelStore implements KeyValueStore {
  readonly #database: Database
  readonly #options: LevelStoreOptions
  readonly #turns = new Turns()
  readonly #sweeper: Sweeper
  readonly #underWay = new Set<Promise<unknown>>()
  #damageTold = false
  #closing: Promise<void> | undefined

  constructor(database: Database, options: LevelStoreOptions) {
    this.#database = database
    this.#options = options
    this.#sweeper = new Sweeper(database, this.#turns, options.clock, (error) =>
      options.sweepFailed(this.#explained(error)),
    )
  }

  async get(key: string): Promise<string | undefined> {
    checkText('key', key)
    return this.#run(async () => {
      // A trip to another thread costs more than the look-up (`npm run bench`, "sessions").
      const text = this.#database.getSync(recordKey(key))
      return text === undefined ? undefined : this.#living(entryFrom(key, text))?.value
    })
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

  async list({ prefix, after, limit }: KeyRange): Promise<Entry[]> {
    checkText('prefix', prefix)
    if (after !== undefined) checkText('after', after)
    if (!Number.isSafeInteger(limit) || limit < 0) throw new TypeError('"limit" must be an integer of at least 0')
    return this.#run(() => this.#collect(prefix, after, limit))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Makes the changes, if the value at a key is what it must be. Answers the value that was there. */
  async #change(changes: readonly Change[], condition?: Condition): Promise<string | undefined> {
    for (const change of changes) check(change)
    const latest = new Map(changes.map((change) => [keyOf(change), change]))
    const keys = [...latest.keys(), ...(condition === undefined || latest.has(condition.key) ? [] : [condition.key])]
    return this.#run(() =>
      this.#turns.run(keys, async () => {
        const found = this.#read(keys)
        const there = condition === undefined ? undefined : found.get(condition.key)
        const value = there === undefined ? undefined : this.#living(there)?.value
        if (condition === undefined || value === condition.is) {
          await this.#database.batch([...latest.values()].flatMap((change) => operations(change, found)))
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
    if (this.#closing !== undefined) throw new StoreError('STORE_CLOSED', 'the store has been closed')
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

interface Condition {
  readonly key: string
  readonly is: string | undefined
}

function storeErrorFrom(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  if (error instanceof Error && 'code' in error && error.code === 'LEVEL_CORRUPTION') {
    return new StoreError('STORE_DAMAGED', 'the store is damaged', error)
  }
  return new StoreError('STORE_FAILED', 'the store failed', error)
}

function keyOf(change: Change): string {
  return 'put' in change ? change.put.key : change.remove
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

function check(change: Change): void {
  checkText('key', keyOf(change))
  if ('remove' in change) return
  const { value, expiresAt } = change.put
  checkText('value', value)
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt >= 0)) {
    throw new TypeError('"expiresAt" must be a whole number of ms since the epoch')
  }
}

/** UTF-8 has no lone surrogates: two keys that differ in them would become one. */
function checkText(name: string, text: string): void {
  if (typeof text !== 'string') throw new TypeError(`"${name}" must be a string`)
  if (/\p{Surrogate}/u.test(text)) throw new TypeError(`"${name}" must be Unicode text: it has a lone surrogate`)
}
