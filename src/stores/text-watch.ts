import type { Clock } from '../wechat/clock.js'
import type { FoundText, StoredText } from './store.js'

/** In ms. Looked at so often, a change counts within a second, in every store: not all of them tell of changes. */
const interval = 500

export interface TextWatchOptions<Found> {
  readonly text: Pick<StoredText, 'identity'>
  readonly clock: Clock
  /** Reads what is there; undefined: nothing. Rejects if it cannot be used. */
  readonly read: () => Promise<Found | undefined>
  /** Told what is there at first, and after each change. */
  readonly changed: (found: Found | undefined) => void
  /** Told once of a store that does not answer, and of a text that cannot be used. What was told before goes on to count. */
  readonly failed: (error: unknown) => void
}

/** Watches a text for what other processes change. */
export class TextWatch<Found extends Pick<FoundText, 'identity'>> {
  readonly #options: TextWatchOptions<Found>
  /** The identity of what was told last. Absent: nothing was. */
  #told: { readonly identity: string | undefined } | undefined
  /** What was complained of last. */
  #complaint: string | undefined
  #cancel: () => void
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: TextWatchOptions<Found>) {
    this.#options = options
    this.#cancel = this.#schedule()
  }

  /** Resolves when nothing is told any more. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    await this.#looking
  }

  #schedule(): () => void {
    return this.#options.clock.after(interval, () => this.#tick(), { background: true })
  }

  #tick(): void {
    this.#looking = this.#look()
      .catch((error: unknown) => this.#complain(error, 'no answer'))
      .finally(() => {
        if (!this.#closed) this.#cancel = this.#schedule()
      })
  }

  async #look(): Promise<void> {
    const { text, read, changed } = this.#options
    const identity = await text.identity()
    if (this.#told !== undefined && identity === this.#told.identity) {
      this.#complaint = undefined
      return
    }
    try {
      const found = await read()
      if (this.#closed) return
      this.#told = { identity: found?.identity }
      this.#complaint = undefined
      changed(found)
    } catch (error) {
      this.#complain(error, `${identity} ${error}`)
    }
  }

  #complain(error: unknown, complaint: string): void {
    if (complaint === this.#complaint || this.#closed) return
    this.#complaint = complaint
    this.#options.failed(error)
  }
}
