/** How long the holder of a lock may still work. */
export interface Lease {
  /** Milliseconds until another process may take the lock; 0 or less: it may have been taken. */
  remaining(): number
}

/** A record as it is stored: JSON, with a version that rises by each save. */
export interface VersionedRecord {
  readonly version: number
  readonly [field: string]: unknown
}

/**
 * Where one account's records live. `name` is `access_token`, `fetches` and the like: letters, digits, `_`, `-`, `.`.
 * Only `read` and `save` are needed; the others make it safe to share between processes.
 */
export interface Storage {
  /**
   * The record as JSON text or as an object; nothing if there is none. Rejects when it cannot tell: the credential goes on
   * without. Rejects with a WechatError when nothing may be fetched without it, since others may be at it.
   */
  read(name: string): Promise<unknown>
  /**
   * Keeps a record. Answers `false`, and keeps nothing, if a record with this version or a higher one is already
   * there (fencing: a slow writer can't overwrite a newer record). Any other answer means: kept.
   */
  save(name: string, record: VersionedRecord): Promise<unknown>
  /**
   * The version of a record where none is known, but others may have been lost: higher than theirs. Rejects as `read` does.
   * Default: 1.
   */
  firstVersion?(): Promise<number>
  /** Moves a record that cannot be understood out of the way, keeping it. Answers where it went. */
  setAside?(name: string): Promise<string | undefined>
  /** Runs `work` while no other process runs work under the same name. Rejects as `read` does. */
  lock?<T>(name: string, work: (lease: Lease) => Promise<T>): Promise<T>
  /**
   * Calls `changed` within a second after another process saved the record, and with `back` when the storage was away and takes
   * everything again. Answers a function that ends it.
   */
  watch?(name: string, changed: (event?: 'back') => void): () => void
}

/** The lease of those who need no lock: they are alone. */
export const endlessLease: Lease = { remaining: () => Number.POSITIVE_INFINITY }

/** A storage that forgets with the process. */
export function memoryStorage(): Storage {
  const records = new Map<string, VersionedRecord>()
  return {
    read: (name) => Promise.resolve(records.get(name)),
    save: (name, record) => {
      if ((records.get(name)?.version ?? -1) >= record.version) return Promise.resolve(false)
      records.set(name, record)
      return Promise.resolve(true)
    },
    setAside: (name) => {
      records.delete(name)
      return Promise.resolve(undefined)
    },
  }
}
