import { stat } from 'node:fs/promises'
import type { Clock } from '../wechat/clock.js'
import type { Client } from './client.js'
import { asIdentity, clientsFile, readClients } from './stored-clients.js'

/** In ms. Looked at so often, a change counts within a second, on every file system: not all of them tell of changes. */
const interval = 500

const noFile = 'no file'

export interface ClientWatchOptions {
  /** The data folder. */
  readonly dataDir: string
  readonly clock: Clock
  /** Told all stored clients after the file changed; none, if it was deleted. */
  readonly changed: (clients: readonly Client[]) => void
  /** Told once of a file that cannot be used. What was told before goes on to count. */
  readonly failed: (error: unknown) => void
}

/** Watches `clients.json` for what other processes change. */
export class ClientWatch {
  readonly #options: ClientWatchOptions
  readonly #file: string
  /** The identity of the file whose clients were told last. */
  #told: string | undefined
  /** What was complained of last. */
  #complaint: string | undefined
  #cancel: () => void
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: ClientWatchOptions) {
    this.#options = options
    this.#file = clientsFile(options.dataDir)
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
      .catch((error: unknown) => this.#complain(error, ''))
      .finally(() => {
        if (!this.#closed) this.#cancel = this.#schedule()
      })
  }

  async #look(): Promise<void> {
    const identity = await this.#identity()
    if (identity === this.#told) {
      this.#complaint = undefined
      return
    }
    const found = await readClients(this.#file).catch((error: unknown) => ({ error }))
    if (this.#closed) return
    if (found !== undefined && 'error' in found) {
      this.#complain(found.error, identity)
      return
    }
    this.#complaint = undefined
    this.#told = found?.identity ?? noFile
    this.#options.changed(found?.clients ?? [])
  }

  async #identity(): Promise<string> {
    try {
      return asIdentity(await stat(this.#file, { bigint: true }))
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
      return code === 'ENOENT' ? noFile : code
    }
  }

  #complain(error: unknown, identity: string): void {
    const complaint = `${identity} ${error}`
    if (complaint === this.#complaint) return
    this.#complaint = complaint
    this.#options.failed(error)
  }
}
