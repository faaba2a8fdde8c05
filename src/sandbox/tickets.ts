import { opaque } from './opaque.js'

export type TicketType = 'jsapi' | 'wx_card'

interface Ticket {
  ticket: string
  /** In ms since the epoch. */
  dies_at: number
}

/**
 * The tickets of every account. WeChat does not say whether a new ticket ends the old one. Here a ticket stays the same
 * until its last five minutes and is then followed by a new one, as with `stable_token`.
 */
export class Tickets {
  readonly #now: () => number
  readonly #tickets = new Map<string, Ticket>()
  /** Those that were followed by another in their last minutes. */
  readonly #former = new Map<string, Ticket>()

  constructor(now: () => number) {
    this.#now = now
  }

  get(appID: string, type: TicketType): { ticket: string; expires_in: number } {
    const key = `${type} ${appID}`
    const kept = this.#tickets.get(key)
    const ticket = kept !== undefined && this.#left(kept) >= 300 ? kept : this.#fresh()
    if (kept !== undefined && kept !== ticket) this.#former.set(key, kept)
    this.#tickets.set(key, ticket)
    return { ticket: ticket.ticket, expires_in: this.#left(ticket) }
  }

  /** The tickets with which something may be signed now. */
  living(appID: string, type: TicketType): readonly string[] {
    const key = `${type} ${appID}`
    const known = [this.#tickets.get(key), this.#former.get(key)].filter((ticket) => ticket !== undefined)
    return known.filter((ticket) => this.#left(ticket) > 0).map(({ ticket }) => ticket)
  }

  #left(ticket: Ticket): number {
    return Math.floor((ticket.dies_at - this.#now()) / 1000)
  }

  #fresh(): Ticket {
    return { ticket: opaque(64), dies_at: this.#now() + 7_200_000 }
  }
}
