import {
  chmodSync,
  type FSWatcher,
  mkdirSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unwatchFile,
  watch,
  watchFile,
} from 'node:fs'
import { type FileHandle, open, readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lease, Storage, VersionedRecord } from '../wechat/storage.js'
import { brokenName } from './broken-name.js'
import { LeaseLock } from './lease-lock.js'
import { missing } from './missing.js'
import type { CredentialStore } from './store.js'
import { unfinishedEnding, writeAtomically } from './write-atomically.js'

/** Records are some hundred bytes; of a larger file only so much is read, which shows that it is none. */
const longestRecord = 64 * 1024
const abandonedAfter = 60_000

/**
 * Credentials as JSON files: `<folder>/<appID>/access_token.json`, mode 0600 in folders of mode 0700. Safe for several
 * processes on one machine.
 *
 * @example
 * const wechat = new Wechat({ appID, appSecret, token, storage: fileStore('data').account(appID) })
 */
export function fileStore(folder: string): CredentialStore {
  return {
    account(appID) {
      if (!/^[A-Za-z0-9_-]{1,64}$/.test(appID)) {
        throw new TypeError('"appID" must be 1 to 64 letters, digits, "_" and "-": it names a folder')
      }
      return new AccountFiles(join(folder, appID))
    },
  }
}

class AccountFiles implements Storage {
  readonly #folder: string
  /** Which file each record was last read from. */
  readonly #identities = new Map<string, string>()
  #ready = false

  constructor(folder: string) {
    this.#folder = folder
  }

  async read(name: string): Promise<string | undefined> {
    const found = await readStart(this.#path(name)).catch(missing)
    if (found === undefined) return undefined
    this.#identities.set(name, found.identity)
    return found.text
  }

  async save(name: string, record: VersionedRecord): Promise<boolean> {
    this.#prepare()
    const path = this.#path(name)
    return writeAtomically(path, `${JSON.stringify(record)}\n`, () => versionIn(path) < record.version)
  }

  /** Leaves a file alone that has taken the place of the one that was read: another process was faster. */
  async setAside(name: string): Promise<string | undefined> {
    const path = this.#path(name)
    const where = brokenName(path, Date.now())
    // Not async: nothing of this process comes between the look and the rename.
    if (identityOf(statSync(path)) !== this.#identities.get(name)) return undefined
    renameSync(path, where)
    return where
  }

  async lock<T>(name: string, work: (lease: Lease) => Promise<T>): Promise<T> {
    this.#prepare()
    return new LeaseLock(join(this.#folder, `.${name}.lock`)).run(work)
  }

  watch(name: string, changed: () => void): () => void {
    const path = this.#path(name)
    let end: () => void = () => undefined
    const poll = () => {
      watchFile(path, { interval: 1000, persistent: false }, changed)
      end = () => unwatchFile(path, changed)
    }
    try {
      this.#prepare()
      const watcher = watchFolder(this.#folder, `${name}.json`, changed)
      end = () => watcher.close()
      watcher.on('error', () => {
        watcher.close()
        poll()
      })
    } catch {
      // There is no folder and none can be made, or the system has no more watches to give: look once a second instead.
      poll()
    }
    return () => end()
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.json`)
  }

  /** Makes the folder, closes it to others, and clears away what a killed process left. Once. */
  #prepare(): void {
    if (this.#ready) return
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    chmodSync(this.#folder, 0o700)
    this.#ready = true
    void clearAway(this.#folder).catch(() => undefined)
  }
}

interface Found {
  readonly text: string
  readonly identity: string
}

async function readStart(path: string): Promise<Found> {
  const file = await open(path, 'r')
  try {
    const stats = await file.stat()
    return { text: stats.isFile() ? await startOf(file) : 'not a file', identity: identityOf(stats) }
  } finally {
    await file.close()
  }
}

async function startOf(file: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(longestRecord), 0, longestRecord, 0)
  // Nothing would mean that there is no record; but an empty file is a broken one.
  return bytesRead === 0 ? 'an empty file' : buffer.toString('utf8', 0, bytesRead)
}

/** Tells one file from another that has the same name later. */
function identityOf({ ino, mtimeMs }: Stats): string {
  return `${ino}/${mtimeMs}`
}

/** The version of the record in a file; -1 if there is none, or none that can be read: then anything may replace it. */
function versionIn(path: string): number {
  try {
    const version: unknown = JSON.parse(readFileSync(path, 'utf8')).version
    return typeof version === 'number' ? version : -1
  } catch {
    return -1
  }
}

function watchFolder(folder: string, filename: string, changed: () => void): FSWatcher {
  return watch(folder, { persistent: false }, (_event, changedName) => {
    if (changedName === filename) changed()
  })
}

async function clearAway(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(unfinishedEnding)) continue
    const path = join(folder, name)
    // Missing: its writer has just finished it.
    const found = await stat(path).catch(missing)
    if (found !== undefined && Date.now() - found.mtimeMs > abandonedAfter) await unlink(path).catch(missing)
  }
}
