import type { Forwarded, Late } from './back-end.js'

/** Who answers a push. */
export interface Answerer {
  /** Who that is, for people: of a back end its `to`. */
  readonly name: string
  readonly late: Late
  /** How long it may take, in ms. */
  readonly longest: number
  /** The XML of a passive reply; empty for none. At once, if it can: that spares the waiting. */
  ask(forwarded: Forwarded): string | Promise<string>
}
