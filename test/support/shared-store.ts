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
import { type MovableClock, turn } from './movable-clock.js'

/** One store in memory for several processes of a test, which are all in this one. */
export class SharedStore {
  readonly clock: MovableClock
  readonly #store: KeyValueStore
  readonly #processes = new Map<string, SharingProcess>()
  #underWay = 0

  private constructor(clock: MovableClock, store: KeyValueStore) {
    this.clock = clock
    this.#store = store
  }

  static async open(clock: MovableClock): Promise<SharedStore> {
    return new SharedStore(clock, await memoryStore({ clock }))
  }

  /** One more process. */
  process(): SharingProcess {
    const name = `process-${this.#processes.size + 1}`
    const process = new SharingProcess(name, this)
    this.#processes.set(name, process)
    return process
  }

  isAlive(name: string): boolean {
    return this.#processes.get(name)?.alive === true
  }

  /** Moves time. Whatever is asked of the store is answered before time goes on. */
  advance(ms: number): Promise<void> {
    return this.clock.advance(ms, async () => {
      do for (let turns = 0; turns < 3; turns += 1) await turn()
      while (this.#underWay > 0)
    })
  }

  async ask<T>(work: (store: KeyValueStore) => Promise<T>): Promise<T> {
    this.#underWay += 1
    try {
      return await work(this.#store)
    } finally {
      this.#underWay -= 1
    }
  }

  /** What is stored under keys that begin so. */
  list(prefix: string): Promise<Entry[]> {
    return this.#store.list({ prefix, limit: 100_000 })
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}

/** What one process has of the store, and of time. */
export class SharingProcess implements KeyValueStore {
  alive = true
  /** Whether the store is away, for this process. */
  away = false
  /** How often it changed something. */
  writes = 0
  readonly peers: Peers
  readonly clock: Clock
  readonly #shared: SharedStore

  constructor(self: string, shared: SharedStore) {
    this.#shared = shared
    this.peers = { self, isAlive: (name) => this.#ask(async () => shared.isAlive(name)) }
    this.clock = {
      now: () => shared.clock.now(),
      monotonic: () => shared.clock.monotonic(),
      after: (ms, work) => shared.clock.after(ms, () => this.alive && work()),
    }
  }

  /** It ends in this instant: nothing that it waits for comes any more. */
  kill(): void {
    this.alive = false
  }

  get(key: string): Promise<string | undefined> {
    return this.#ask((store) => store.get(key))
  }

  write(changes: readonly Change[]): Promise<void> {
    return this.#change((store) => store.write(changes))
  }

  putIfAbsent(entry: Entry, also?: readonly Change[]): Promise<string | undefined> {
    return this.#change((store) => store.putIfAbsent(entry, also))
  }

  replace(key: string, expected: string, changes: readonly Change[]): Promise<boolean> {
    return this.#change((store) => store.replace(key, expected, changes))
  }

  list(range: KeyRange): Promise<Entry[]> {
    return this.#ask((store) => store.list(range))
  }

  count(prefix: string): Promise<number> {
    return this.#ask((store) => store.count(prefix))
  }

  async close(): Promise<void> {
    this.kill()
  }

  #change<T>(work: (store: KeyValueStore) => Promise<T>): Promise<T> {
    this.writes += 1
    return this.#ask(work)
  }

  /** A process that has ended asks nothing, and learns nothing, any more. */
  async #ask<T>(work: (store: KeyValueStore) => Promise<T>): Promise<T> {
    if (this.away) throw new StoreError('STORE_AWAY', 'the store does not answer')
    if (!this.alive) return never()
    const answer = await this.#shared.ask(work)
    return this.alive ? answer : never()
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined)
}
