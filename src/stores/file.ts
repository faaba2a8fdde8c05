import { chmodSync, type FSWatcher, mkdirSync, readFileSync, unwatchFile, watch, watchFile } from 'node:fs'
import { open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lease, Storage, VersionedRecord } from '../wechat/storage.js'
import { LeaseLock } from './lease-lock.js'
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
  #ready = false

  constructor(folder: string) {
    this.#folder = folder
  }

  async read(name: string): Promise<string | undefined> {
    try {
      return await readStart(this.#path(name))
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOENT') return undefined
      // Not a file at all: what is there is no record, and can be set aside.
      if (code === 'EISDIR') return 'a folder'
      throw error
    }
  }

  async save(name: string, record: VersionedRecord): Promise<boolean> {
    this.#prepare()
    const path = this.#path(name)
    return writeAtomically(path, `${JSON.stringify(record)}\n`, () => versionIn(path) < record.version)
  }

  async setAside(name: string): Promise<string> {
    const time = new Date().toISOString().replaceAll(/[:.]/g, '-')
    const where = `${this.#path(name)}.broken-${time}`
    await rename(this.#path(name), where)
    return where
  }

  lock<T>(name: string, work: (lease: Lease) => Promise<T>): Promise<T> {
    this.#prepare()
    return new LeaseLock(join(this.#folder, `.${name}.lock`)).run(work)
  }

  watch(name: string, changed: () => void): () => void {
    this.#prepare()
    const path = this.#path(name)
    let end: () => void = () => undefined
    const poll = () => {
      watchFile(path, { interval: 1000, persistent: false }, changed)
      end = () => unwatchFile(path, changed)
    }
    try {
      const watcher = watchFolder(this.#folder, `${name}.json`, changed)
      end = () => watcher.close()
      // The system has no more watches to give, or the folder's are not reported: look once a second instead.
      watcher.on('error', () => {
        watcher.close()
        poll()
      })
    } catch {
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

async function readStart(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(longestRecord)
    const { bytesRead } = await file.read(buffer, 0, longestRecord, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
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
    if (Date.now() - (await stat(path)).mtimeMs > abandonedAfter) await unlink(path)
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
