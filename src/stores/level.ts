import { join } from 'node:path'
import type { Clock } from '../wechat/clock.js'
import { openDatabase, StoreInUseError } from './level-open.js'
import { LevelStore } from './level-store.js'
import type { KeyValueStore } from './store.js'

export { StoreInUseError } from './level-open.js'

/** What becomes of a store; for the log. No event holds a key or a value. */
export type StoreEvent =
  /** It was damaged: it was renamed to `where`, and an empty one took its place. */
  | { readonly type: 'store-set-aside'; readonly where: string; readonly error: unknown }
  /** The disk gives none: the records are kept in memory, and end with the process. */
  | { readonly type: 'store-in-memory'; readonly error: unknown }
  /** It was damaged after it was opened: calls fail, the next start sets it aside. Told once. */
  | { readonly type: 'store-damaged'; readonly error: unknown }
  /** A change could not be written: none is taken until the store has been opened anew, which is tried once a second. */
  | { readonly type: 'store-away'; readonly error: unknown }
  /** It has been opened anew, and takes changes again. */
  | { readonly type: 'store-back' }
  /** Dead records were not removed. No call answers them; the next try is a minute later. */
  | { readonly type: 'store-sweep-failed'; readonly error: unknown }

export interface LevelOptions {
  readonly clock: Clock
  readonly onEvent?: (event: StoreEvent) => void
}

/**
 * The store on disk: LevelDB in `<folder>/level`, for this process alone. A damaged one is set aside and an empty one takes its
 * place; where the disk gives none, the records are kept in memory. Both are told through `onEvent`.
 *
 * @throws {StoreInUseError} when it is open already, in this process or in another one.
 */
export async function openLevel(folder: string, options: LevelOptions): Promise<KeyValueStore> {
  try {
    return await openOnDisk(join(folder, 'level'), options)
  } catch (error) {
    if (error instanceof StoreInUseError) throw error
    tellerOf(options)({ type: 'store-in-memory', error })
    return memoryStore(options)
  }
}

/** The same store in memory. */
export async function memoryStore(options: LevelOptions): Promise<KeyValueStore> {
  const tell = tellerOf(options)
  const { MemoryLevel } = await import('memory-level')
  const database = new MemoryLevel()
  await database.open()
  return new LevelStore(database, {
    clock: options.clock,
    sweepFailed: (error) => tell({ type: 'store-sweep-failed', error }),
  })
}

async function openOnDisk(folder: string, options: LevelOptions): Promise<KeyValueStore> {
  const { clock } = options
  const tell = tellerOf(options)
  const { database, reopen, release } = await openDatabase(
    folder,
    () => clock.now(),
    (where, error) => tell({ type: 'store-set-aside', where, error }),
  )
  return new LevelStore(database, {
    clock,
    damaged: (error) => tell({ type: 'store-damaged', error }),
    sweepFailed: (error) => tell({ type: 'store-sweep-failed', error }),
    reopen,
    away: (error) => tell({ type: 'store-away', error }),
    back: () => tell({ type: 'store-back' }),
    closed: release,
  })
}

/** An observer that throws does not harm the store. */
function tellerOf({ onEvent }: LevelOptions): (event: StoreEvent) => void {
  return (event) => {
    try {
      onEvent?.(event)
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error))
    }
  }
}
