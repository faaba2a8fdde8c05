import type { Context } from 'koa'
import type { Account } from '../accounts.js'
import { WechatError } from '../wechat/errors.js'
import type { Audit } from './audit.js'
import { noteHandOut } from './audit-notes.js'
import type { SessionMetrics } from './session-metrics.js'

/** What happened to the sessions of mini programs. */
export type SessionHappening =
  | { readonly type: 'login'; readonly newUser: boolean }
  | { readonly type: 'login-failed'; readonly error: unknown }
  | { readonly type: 'renewed' }
  | { readonly type: 'ended'; readonly cause: string; readonly count: number }

/** Counts what happened to a session; the audit log is told of each that is handed out, and not to whom: an openid is personal. */
export function noteSession(
  { metrics, audit }: { readonly metrics: SessionMetrics; readonly audit: Pick<Audit, 'note'> },
  account: Account,
  happened: SessionHappening,
  ctx: Context,
): void {
  switch (happened.type) {
    case 'login':
      metrics.login(account, happened.newUser ? 'new-user' : 'known-user')
      noteHandOut(audit, ctx, { account: account.name, what: 'session', from: 'wechat' })
      break
    case 'login-failed':
      metrics.login(account, outcomeOf(happened.error))
      break
    case 'renewed':
      metrics.renewed(account)
      noteHandOut(audit, ctx, { account: account.name, what: 'session', from: 'store' })
      break
    default:
      metrics.ended(account, happened.cause, happened.count)
  }
}

/** A refusal of WeChat's comes as one of the hub's. */
function outcomeOf(error: unknown): string {
  if (error instanceof WechatError) return error.code
  return error instanceof Error && error.name === 'HttpError' ? 'ERRCODE' : 'FAILED'
}
