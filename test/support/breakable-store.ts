import { memoryStore } from '../../src/stores/level.js'
import {
  type Change,
  type Entry,
  type KeyRange,
  type KeyValueStore,
  type Peers,
  StoreError,
} from '../../src/stores/store.js'
import type { Clock } from '../../src/wechat/clock.js'

/** A store in memory that a test can break, and hold up. */
export class BreakableStore implements KeyValueStore {
  /** Whether it refuses everything. */
  broken = false
  /** Waited for before each answer: what it says was true before that. */
  hold: (operation: 'get' | 'write' | 'list') => Promise<void> = () => Promise.resolve()
  readonly #store: KeyValueStore

  constructor(store: KeyValueStore) {
    this.#store = store
  }

  static async open(clock: Clock): Promise<BreakableStore> {
    return new BreakableStore(await memoryStore({ clock }))
  }

  get peers(): Peers | undefined {
    return this.#store.peers
  }

  get(key: string): Promise<string | undefined> {
    return this.#answer('get', () => this.#store.get(key))
  }

  write(changes: readonly Change[]): Promise<void> {
    return this.#answer('write', () => this.#store.write(changes))
  }

  putIfAbsent(entry: Entry, also?: readonly Change[]): Promise<string | undefined> {
    return this.#answer('write', () => this.#store.putIfAbsent(entry, also))
  }

  replace(key: string, expected: string, changes: readonly Change[]): Promise<boolean> {
    return this.#answer('write', () => this.#store.replace(key, expected, changes))
  }

  list(range: KeyRange): Promise<Entry[]> {
    return this.#answer('list', () => this.#store.list(range))
  }

  count(prefix: string): Promise<number> {
    return this.#answer('list', () => this.#store.count(prefix))
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  async #answer<T>(operation: 'get' | 'write' | 'list', work: () => Promise<T>): Promise<T> {
    if (this.broken) throw new StoreError('STORE_FAILED', 'the store failed')
    const answer = await work()
    await this.hold(operation)
    return answer
  }
}
