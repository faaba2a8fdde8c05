import type { CredentialStore, KeyValueStore, SharedCounts, StoredText, StoreError } from './store.js'

/** All that a hub keeps, in one place: on this machine, or in a Redis that it shares with other hubs. */
export interface Stores {
  readonly credentials: CredentialStore
  readonly records: KeyValueStore
  /** The small text of this name: `clients`, `hub-token-keys`. */
  text(name: string): StoredText
  /** What the hubs count together; undefined: there is one process. */
  readonly counts: SharedCounts | undefined
  /** Why they do not answer at present, as far as is known. */
  readonly failure: StoreError | undefined
  close(): Promise<void>
}
