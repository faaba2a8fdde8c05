import { chmodSync, lstatSync, mkdirSync, renameSync } from 'node:fs'
import { open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brokenName } from './broken-name.js'

/** More than LevelDB writes while it opens, in bytes. */
const probeSize = 4 * 1024 * 1024

/** More than the list of tables and the like take when LevelDB opens, in bytes. */
const listSize = 64 * 1024

/** Makes the folder, and closes it to others: the files that LevelDB makes in it have the modes that the umask allows. */
export function prepareFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  chmodSync(path, 0o700)
}

/** Tells one folder from another that has the same name later. Undefined: there is none. */
export function identityOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found === undefined ? undefined : `${found.dev}/${found.ino}`
}

/** Renames it, unless another process has put another one in its place. Answers where it went. */
export function setAside(path: string, identity: string | undefined, now: number): string | undefined {
  if (identity === undefined || identityOf(path) !== identity) return undefined
  const where = brokenName(path, now)
  renameSync(path, where)
  return where
}

/** Does what LevelDB does when it opens. @throws what the disk refuses; nothing: it is not the disk's fault. */
export async function probe(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    // To close the lock's file is to give up the lock, if this process holds it.
    if (name !== 'LOCK') await (await open(join(path, name))).close()
  }
  const file = join(path, 'probe.tmp')
  try {
    await writeFile(file, Buffer.alloc(probeSize), { mode: 0o600, flush: true })
  } finally {
    await rm(file, { force: true })
  }
}

/**
 * Writes as much as LevelDB does when it opens what it was writing: a table for each log. While the disk has no room for that, it
 * is better left open. @throws what the disk refuses.
 */
export async function expectRoom(path: string): Promise<void> {
  const logs = (await readdir(path)).filter((name) => name.endsWith('.log'))
  const sizes = await Promise.all(logs.map(async (name) => (await stat(join(path, name))).size))
  const written: string[] = []
  try {
    for (const size of [...sizes, listSize]) {
      const file = join(path, `room-${written.length}.tmp`)
      written.push(file)
      await writeFile(file, Buffer.alloc(size), { mode: 0o600, flush: true })
    }
  } finally {
    await Promise.all(written.map((file) => rm(file, { force: true })))
  }
}
