import type { Context } from 'koa'
import { HttpError } from '../http/error.js'
import type { Clock } from '../wechat/clock.js'
import { type Held, type Source, secondsLeft } from '../wechat/held.js'
import { isTicketType, type TicketType } from '../wechat/ticket-endpoint.js'

/** What a back end is given: the ticket, the seconds until it really dies, and where the hub had it from. */
export interface GivenTicket {
  readonly ticket: string
  readonly expires_in: number
  readonly from: Source
}

/** The answer of the ticket endpoint. A newer ticket does not end this one: `expires_in` needs no allowance for it. */
export function givenTicket(held: Held, clock: Clock): GivenTicket {
  return { ticket: held.value, expires_in: secondsLeft(held, clock), from: held.from }
}

/**
 * Which ticket a request asks for.
 *
 * @throws {HttpError} 400 when its query has no `type`, several, or another one.
 */
export function ticketTypeOf({ query: { type } }: Context): TicketType {
  if (isTicketType(type)) return type
  throw new HttpError(400, type === undefined ? 'type is missing' : 'there is no such type of ticket', {
    hint: 'Ask with ?type=jsapi for the ticket of JS-SDK pages, or with ?type=wx_card for that of cards.',
  })
}
