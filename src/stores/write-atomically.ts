import { randomBytes } from 'node:crypto'
import { renameSync } from 'node:fs'
import { link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from '../error-code.js'

/** How the unfinished files of this module end. One that is older than a minute was left by a process that died. */
export const unfinishedEnding = '.tmp'

/**
 * Writes a file so that a reader, and a machine that loses power, finds the old content or the new one, whole: temporary
 * file, fsync, rename, fsync of the folder. The file has mode 0600. `mayReplace` is asked in the same instant in which the
 * file would be replaced; false leaves the old one.
 *
 * @returns whether the file was written.
 * @throws what the file system throws; the old file is untouched then.
 */
export async function writeAtomically(path: string, text: string, mayReplace = () => true): Promise<boolean> {
  return finish(path, text, async (unfinished) => {
    // Not async: nothing of this process comes between the question and the rename.
    if (!mayReplace()) return false
    renameSync(unfinished, path)
    return true
  })
}

/**
 * As `writeAtomically`, but never over a file that is there.
 *
 * @returns whether the file was written; false: there is one by now.
 */
export async function createAtomically(path: string, text: string): Promise<boolean> {
  return finish(path, text, async (unfinished) => {
    try {
      await link(unfinished, path)
      return true
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false
      // No hard links here (FAT, some network folders).
      renameSync(unfinished, path)
      return true
    }
  })
}

/** Writes the text beside its place; `place` puts it there, or answers that it did not. What is left beside goes. */
async function finish(path: string, text: string, place: (unfinished: string) => Promise<boolean>): Promise<boolean> {
  const unfinished = `${path}.${process.pid}-${randomBytes(6).toString('hex')}${unfinishedEnding}`
  try {
    await writeThrough(unfinished, text)
    if (!(await place(unfinished))) return false
  } finally {
    await rm(unfinished, { force: true })
  }
  await syncFolder(dirname(path))
  return true
}

async function writeThrough(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
