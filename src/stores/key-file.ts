import { readFile, rename } from 'node:fs/promises'
import { brokenName } from './broken-name.js'
import { missing } from './missing.js'
import { keysIn, type StoredKey, textOfKeys } from './stored-key.js'
import { writeAtomically } from './write-atomically.js'

/**
 * The keys in a file, newest first; none if there is no file. A broken file is kept under another name, `setAside`.
 *
 * @throws what the file system throws.
 */
export async function readKeys(
  file: string,
  clock: { now(): number },
): Promise<{ readonly keys: readonly StoredKey[]; readonly setAside?: string }> {
  const text = await readFile(file, 'utf8').catch(missing)
  if (text === undefined) return { keys: [] }
  const keys = keysIn(text)
  if (keys !== undefined) return { keys }
  const setAside = brokenName(file, clock.now())
  await rename(file, setAside)
  return { keys: [], setAside }
}

/** Writes all the keys, mode 0600; the old file or the new one, whole. @throws what the file system throws. */
export async function writeKeys(file: string, keys: readonly StoredKey[]): Promise<void> {
  await writeAtomically(file, textOfKeys(keys))
}
