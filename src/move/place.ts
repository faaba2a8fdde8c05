import type { Entry } from '../stores/store.js'
import type { Stores } from '../stores/stores.js'

/** What records there are, by what their keys begin with, and what people call them. */
export const kinds = {
  u: 'users',
  s: 'sessions',
  once: 'handled pushes',
  outbox: 'outbox',
  dead: 'dead letters',
} as const

export type Kind = keyof typeof kinds

/** One end of a move, open: a data folder, or a prefix of a Redis. */
export interface Place {
  /** For people: without user and password. */
  readonly where: string
  readonly stores: Stores
  /** The appIDs of which anything is stored here. */
  accounts(): Promise<ReadonlySet<string>>
  /** The living records of a kind; one may come twice. */
  records(appID: string, kind: Kind): AsyncIterable<Entry>
  /** Whether a hub uses it now. It takes some seconds to see that one has just been killed. */
  isInUse(): Promise<boolean>
  close(): Promise<void>
}

export function kindNames(): readonly Kind[] {
  return ['u', 's', 'once', 'outbox', 'dead']
}
