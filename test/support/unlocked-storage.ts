import { endlessLease, type Storage, type VersionedRecord } from '../../src/wechat/storage.js'

/**
 * A store that several programs share, as after the holder of a lock froze past its lease: its lock keeps nobody out, but a
 * record is replaced only by one with a higher version, and everybody is told of it.
 */
export class UnlockedStorage {
  readonly records = new Map<string, VersionedRecord>()
  /** Set by a test: awaited before a record is saved; what it throws is the save's failure. */
  beforeSave: (name: string) => Promise<void> = () => Promise.resolve()
  readonly #watchers = new Set<{ name: string; changed: () => void }>()

  /** As one of the programs sees it. */
  view(): Storage {
    return {
      read: (name) => Promise.resolve(this.records.get(name)),
      save: (name, record) => this.#save(name, record),
      lock: (_name, work) => work(endlessLease),
      watch: (name, changed) => this.#watch({ name, changed }),
    }
  }

  async #save(name: string, record: VersionedRecord): Promise<boolean> {
    await this.beforeSave(name)
    if ((this.records.get(name)?.version ?? -1) >= record.version) return false
    this.records.set(name, record)
    for (const watcher of this.#watchers) if (watcher.name === name) watcher.changed()
    return true
  }

  #watch(watcher: { name: string; changed: () => void }): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }
}
