import type { StoredText } from '../stores/store.js'
import { TextWatch } from '../stores/text-watch.js'
import type { Clock } from '../wechat/clock.js'
import type { Client } from './client.js'
import { type ClientsFound, readClients } from './stored-clients.js'

export interface ClientWatchOptions {
  /** Where the clients are stored. */
  readonly text: StoredText
  readonly clock: Clock
  /** Told all stored clients after a change; none, if what was stored is deleted. */
  readonly changed: (clients: readonly Client[]) => void
  /** Told once of clients that cannot be used. Those who were told before go on to count. */
  readonly failed: (error: unknown) => void
}

/** Watches the stored clients for what other processes change: it counts within a second. */
export class ClientWatch {
  readonly #watch: TextWatch<ClientsFound>

  constructor({ text, clock, changed, failed }: ClientWatchOptions) {
    this.#watch = new TextWatch({
      ...{ text, clock, failed },
      read: () => readClients(text),
      changed: (found) => changed(found?.clients ?? []),
    })
  }

  /** Resolves when nothing is told any more. */
  close(): Promise<void> {
    return this.#watch.close()
  }
}
