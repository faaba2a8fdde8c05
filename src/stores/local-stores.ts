import { join } from 'node:path'
import { fileStore } from './file.js'
import { fileText } from './file-text.js'
import { type LevelOptions, openLevel } from './level.js'
import type { Stores } from './stores.js'

/**
 * The stores of a hub on one machine: files and a LevelDB in its data folder.
 *
 * @throws {StoreInUseError} when another hub uses the folder.
 */
export async function openLocalStores(dataDir: string, options: LevelOptions): Promise<Stores> {
  const records = await openLevel(dataDir, options)
  return {
    records,
    credentials: fileStore(dataDir),
    text: (name) => localText(dataDir, name),
    counts: undefined,
    failure: undefined,
    close: () => records.close(),
  }
}

/** A small text of the hub in its data folder: `<name>.json`. */
export function localText(dataDir: string, name: string) {
  return fileText(join(dataDir, `${name}.json`))
}
