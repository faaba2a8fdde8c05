import { randomBytes } from 'node:crypto'
import { type BigIntStats, statSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, parse } from 'node:path'
import { brokenName } from './broken-name.js'
import { LeaseLock } from './lease-lock.js'
import { missing } from './missing.js'
import type { FoundText, StoredText } from './store.js'
import { createAtomically, unfinishedEnding, writeAtomically } from './write-atomically.js'

/** An unfinished file of this age was left by a process that was killed, in ms. */
const abandonedAfter = 60_000

/**
 * A text in a file (mode 0600) that the processes of one machine share. Its folder is made (mode 0700) with the first text. A
 * process that is killed leaves the old file or the new one, whole.
 *
 * All methods reject with what the file system throws; `write` and `setAside` also with a WechatError LOCK_BUSY, when others
 * were changing the file for too long.
 */
export function fileText(path: string): StoredText {
  return new FileText(path)
}

class FileText implements StoredText {
  readonly where: string
  readonly #lock: LeaseLock

  constructor(path: string) {
    this.where = path
    this.#lock = new LeaseLock(join(dirname(path), `.${parse(path).name}.lock`))
  }

  async read(): Promise<FoundText | undefined> {
    const file = await open(this.where, 'r').catch(missing)
    if (file === undefined) return undefined
    try {
      // Before the text: what is written after this look is seen by the next one.
      const identity = asIdentity(await file.stat({ bigint: true }))
      return { text: await file.readFile('utf8'), identity }
    } finally {
      await file.close()
    }
  }

  async identity(): Promise<string | undefined> {
    const stats = await stat(this.where, { bigint: true }).catch(missing)
    return stats === undefined ? undefined : asIdentity(stats)
  }

  async write(text: string, expected: string | undefined): Promise<boolean> {
    // Whoever has come too late needs no lock to learn of it.
    if ((await this.identity()) !== expected) return false
    await mkdir(dirname(this.where), { recursive: true, mode: 0o700 })
    return this.#lock.run(async (lease) => {
      // An operator edits by hand, without the lock.
      const isExpected = () => lease.remaining() > 0 && this.#identityNow() === expected
      if (!isExpected()) return false
      const written =
        expected === undefined
          ? await createAtomically(this.where, text)
          : await writeAtomically(this.where, text, isExpected)
      if (written) await clearAway(this.where).catch(() => undefined)
      return written
    })
  }

  async setAside(): Promise<string> {
    const aside = `${brokenName(this.where, Date.now())}-${randomBytes(3).toString('hex')}`
    await this.#lock.run(() => rename(this.where, aside))
    return aside
  }

  /** Not async: nothing of this process comes between it and what is done next. */
  #identityNow(): string | undefined {
    const stats = statSync(this.where, { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? undefined : asIdentity(stats)
  }
}

function asIdentity({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [ino, size, mtimeNs, ctimeNs].join('/')
}

/** Removes what killed processes left unfinished beside the file. */
async function clearAway(path: string): Promise<void> {
  const folder = dirname(path)
  const start = `${basename(path)}.`
  const names = (await readdir(folder)).filter((name) => name.startsWith(start) && name.endsWith(unfinishedEnding))
  for (const unfinished of names.map((name) => join(folder, name))) {
    if (Date.now() - (await stat(unfinished)).mtimeMs > abandonedAfter) await rm(unfinished, { force: true })
  }
}
