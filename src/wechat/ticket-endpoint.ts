import type { Api } from './api.js'
import type { Credential } from './credential.js'
import type { CredentialSource } from './credential-options.js'
import { asFetchError, readFetched } from './fetched.js'
import { withToken } from './with-token.js'

/** WeChat's tickets: `jsapi` signs for JS-SDK pages, `wx_card` for cards [TICKET, JSSDK]. */
export type TicketType = 'jsapi' | 'wx_card'

export const ticketTypes: readonly TicketType[] = ['jsapi', 'wx_card']

export function isTicketType(value: unknown): value is TicketType {
  return ticketTypes.some((type) => type === value)
}

const path = '/cgi-bin/ticket/getticket'

/**
 * `GET /cgi-bin/ticket/getticket`, with the account's access_token. WeChat does not say whether a new ticket ends the one
 * before; here each lives to its own end.
 */
export function ticketEndpoint(api: Api, type: TicketType, accessToken: Credential): CredentialSource {
  // Without pauses: the ticket has its own.
  const tokens = {
    get: async () => (await accessToken.getAtOnce()).value,
    reject: async (token: string, noticedBy: string) => (await accessToken.rejectAtOnce(token, noticedBy)).value,
  }
  return {
    field: 'ticket',
    exclusive: false,
    probe: () => Promise.reject(new Error('WeChat has no call that tests a ticket')),
    fetch: async ({ accessToken: access_token, deadline }) =>
      readFetched(await api.call(path, { query: { access_token, type }, deadline }), 'ticket'),
    // A token that is still refused will be replaced, or is refused by mistake: the next try may do.
    withToken: (work) =>
      withToken(tokens, path, work).catch((error: unknown) => {
        throw asFetchError(error, 'transient')
      }),
  }
}
