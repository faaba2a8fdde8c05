import { realpathSync } from 'node:fs'
import type { ClassicLevel } from 'classic-level'
import { damageIn } from './level-damage.js'
import { expectRoom, identityOf, prepareFolder, probe, setAside } from './level-folder.js'
import { StoreError } from './store.js'

/** LevelDB belongs to one process, and to one store in it. */
export class StoreInUseError extends StoreError {
  override readonly name = 'StoreInUseError'

  constructor(path: string, holder: string, cause?: unknown) {
    super('STORE_IN_USE', `${path} is in use by ${holder}: run one hub on this folder`, cause)
  }
}

export interface Opened {
  readonly database: ClassicLevel
  /**
   * Closes the database, and opens it again: then its log is whole, and nothing lies behind a record that was torn. It stays open
   * while the disk has no room for that. It is neither made anew nor set aside here, nor are its tables read: they were sound.
   *
   * @throws what the disk refuses.
   */
  reopen(): Promise<void>
  /** To be called when the database is closed. */
  release(): void
}

/**
 * Bounds of what LevelDB keeps in memory under load, in bytes (two write buffers at most); idle they make no difference. With
 * a smaller write buffer the same data is written to the disk several times as often.
 */
const bounds = { writeBufferSize: 1024 * 1024, cacheSize: 1024 * 1024 }

const damageCodes = ['STORE_DAMAGED', 'LEVEL_CORRUPTION']

/**
 * The folders that are open in this process. LevelDB itself would refuse to open one again too, but no longer keep other
 * processes out then: to close any handle of the lock's file is to give up the lock.
 */
const openHere = new Set<string>()

/**
 * Opens the LevelDB in a folder, or makes it. A damaged one is renamed first, and told.
 *
 * @throws {StoreInUseError} when it is open already.
 * @throws what the disk refuses.
 */
export async function openDatabase(
  path: string,
  now: () => number,
  wasSetAside: (where: string, error: unknown) => void,
): Promise<Opened> {
  const { ClassicLevel } = await import('classic-level')
  const identity = identityOf(path)
  try {
    return await open(ClassicLevel, path)
  } catch (error) {
    if (error instanceof StoreInUseError || !(await isDamage(error, path))) throw error
    const where = setAside(path, identity, now())
    if (where !== undefined) wasSetAside(where, error)
    return open(ClassicLevel, path)
  }
}

async function open(Level: typeof ClassicLevel, wanted: string): Promise<Opened> {
  prepareFolder(wanted)
  const path = realpathSync(wanted)
  if (openHere.has(path)) throw new StoreInUseError(path, 'this process')
  openHere.add(path)
  const release = () => openHere.delete(path)
  try {
    const damage = await damageIn(path)
    if (damage !== undefined) {
      await expectUnlocked(Level, path)
      throw new StoreError('STORE_DAMAGED', damage)
    }
    const database = new Level(path, bounds)
    await database.open()
    const reopen = async () => {
      await expectRoom(path)
      await database.close()
      await database.open({ createIfMissing: false })
    }
    return { database, reopen, release }
  } catch (error) {
    release()
    throw levelCode(error) === 'LEVEL_LOCKED' ? new StoreInUseError(path, 'another process', error) : error
  }
}

/** What another process works on can look damaged. Neither to make a LevelDB nor to open one is allowed here: it only locks. */
async function expectUnlocked(Level: typeof ClassicLevel, path: string): Promise<void> {
  try {
    await new Level(path).open({ createIfMissing: false, errorIfExists: true })
  } catch (error) {
    if (levelCode(error) === 'LEVEL_LOCKED') throw error
  }
}

/** Whether the store is to be set aside. @throws what the disk refuses, when that is why it could not be opened. */
async function isDamage(error: unknown, path: string): Promise<boolean> {
  // Of the file system, before LevelDB was asked. EEXIST: there is something else than a folder.
  if (error instanceof Error && 'syscall' in error) return 'code' in error && error.code === 'EEXIST'
  // LevelDB tells neither a full disk from a missing file, nor either from what it cannot read.
  if (!damageCodes.includes(String(levelCode(error)))) await probe(path)
  return true
}

/** The innermost code: LevelDB's own is the cause of one which says only that the database is not open. */
function levelCode(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  return levelCode(error.cause) ?? ('code' in error ? error.code : undefined)
}
