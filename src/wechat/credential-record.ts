import type { Clock } from './clock.js'
import type { CredentialHappening } from './credential-event.js'
import { WechatError } from './errors.js'
import { type Current, currentFromStore } from './held.js'
import { isIssuedAfter } from './issued.js'
import { readRecord, type Stored, writeRecord } from './record.js'
import type { Storage } from './storage.js'

/** The storage is looked into this often at most for one who only shows a value, in ms. */
const peekGap = 1_000

/** One credential's record in a storage. What fails there is told as an event. */
export class CredentialRecord {
  readonly #name: string
  readonly #field: string
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #observe: (event: CredentialHappening) => void
  #unsaved: Current | undefined
  /** The highest version that was saved from here. */
  #saved = 0
  #isMissing = false
  #peeked: { readonly at: number; readonly stored: Promise<Stored | undefined> } | undefined
  #unwatch: (() => void) | undefined

  constructor(options: {
    name: string
    field: string
    storage: Storage
    clock: Clock
    observe: (event: CredentialHappening) => void
  }) {
    this.#name = options.name
    this.#field = options.field
    this.#storage = options.storage
    this.#clock = options.clock
    this.#observe = options.observe
  }

  /** What has to be saved again, since that failed. */
  get unsaved(): Current | undefined {
    return this.#unsaved
  }

  /** Whether the last read has shown that nothing is stored that could be understood. */
  get isMissing(): boolean {
    return this.#isMissing
  }

  /** As `look`, as it was at most a second ago: any stranger can ask. */
  peek(): Promise<Stored | undefined> {
    const now = this.#clock.monotonic()
    if (this.#peeked === undefined || now - this.#peeked.at >= peekGap) this.#peeked = { at: now, stored: this.look() }
    return this.#peeked.stored
  }

  /** As `read`; nothing too where the storage says that nothing may be done without it. */
  async look(): Promise<Stored | undefined> {
    try {
      return await this.read()
    } catch {
      // That is told where something was to be fetched.
      return undefined
    }
  }

  /**
   * What is stored; nothing if there is none, or if it could not be understood and was set aside.
   *
   * @throws {WechatError} when the storage says by it that nothing may be done without it.
   */
  async read(): Promise<Stored | undefined> {
    this.#isMissing = false
    let raw: unknown
    try {
      raw = await this.#storage.read(this.#name)
    } catch (error) {
      if (error instanceof WechatError) throw error
      this.#observe({ type: 'read-failed', error })
      return undefined
    }
    if (raw === undefined || raw === null || raw === '') {
      this.#isMissing = true
      return undefined
    }
    try {
      return readRecord(raw, this.#field, this.#clock.now())
    } catch (error) {
      const where = await this.#storage.setAside?.(this.#name).catch(() => undefined)
      this.#isMissing = where !== undefined
      this.#observe({ type: 'set-aside', reason: error instanceof Error ? error.message : 'it is broken', where })
      return undefined
    }
  }

  /** Whether the record is kept, or failed to be and is `unsaved`. False: one with its version, or a higher one, is there. */
  async save(current: Current): Promise<boolean> {
    try {
      const kept = await this.#storage.save(this.#name, writeRecord(current, this.#field))
      if (current.version >= this.#saved) this.#unsaved = undefined
      if (kept !== false) this.#saved = Math.max(this.#saved, current.version)
      return kept !== false
    } catch (error) {
      if (current.version >= this.#saved) this.#unsaved = current
      this.#observe({ type: 'save-failed', error })
      return true
    }
  }

  /**
   * After a save that was refused: stores this over what another process has stored meanwhile, if WeChat certainly issued it later.
   * Answers it as it is stored; nothing if another value is.
   */
  async overtake(fetched: Current): Promise<Current | undefined> {
    const stored = await this.look()
    // A save that seemed to fail may have been done.
    if (stored?.value === fetched.value) return currentFromStore(stored, this.#clock)
    if (stored === undefined || !isIssuedAfter(fetched.issued, stored.issued)) return undefined
    const over = { ...fetched, version: stored.version + 1 }
    return (await this.save(over)) ? over : undefined
  }

  /** Calls `changed` when another process may have saved, with `back` when the storage was away. */
  watch(changed: (event?: 'back') => void): void {
    try {
      this.#unwatch ??= this.#storage.watch?.(this.#name, changed)
    } catch (error) {
      this.#observe({ type: 'read-failed', error })
    }
  }

  unwatch(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }
}
