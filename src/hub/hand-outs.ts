import type { Context } from 'koa'
import type { Account } from '../accounts.js'
import { noteHandOut } from '../ops/audit-notes.js'
import type { Source } from '../wechat/held.js'
import type { TicketType } from '../wechat/ticket-endpoint.js'
import type { Watched } from './basics.js'

/** Counts each token and ticket that is given out, and notes in the audit log who got it. */
export function handOuts({ metrics, audit }: Pick<Watched, 'metrics' | 'audit'>) {
  return {
    given(account: Account, from: Source, ctx: Context): void {
      metrics.tokenGiven(account, from)
      noteHandOut(audit, ctx, { account: account.name, what: 'access_token', from })
    },
    hubTokenGiven(account: Account, ctx: Context): void {
      metrics.gateway.hubTokenGiven(account)
      noteHandOut(audit, ctx, { account: account.name, what: 'hub_token', from: 'memory' })
    },
    ticketGiven(account: Account, type: TicketType, from: Source, ctx: Context): void {
      metrics.ticketGiven(account, type, from)
      noteHandOut(audit, ctx, { account: account.name, what: `${type}_ticket`, from })
    },
  }
}
