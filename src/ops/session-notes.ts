import type { Context } from 'koa'
import type { Account } from '../accounts.js'
import { HttpError } from '../http/error.js'
import { WechatError } from '../wechat/errors.js'
import type { Audit } from './audit.js'
import { noteHandOut } from './audit-notes.js'
import type { Logger } from './log.js'
import type { SessionMetrics } from './session-metrics.js'
import type { Sparingly } from './sparingly.js'

/** What happened to the sessions of mini programs. */
export type SessionHappening =
  | { readonly type: 'login'; readonly newUser: boolean }
  | { readonly type: 'login-failed'; readonly error: unknown }
  | { readonly type: 'renewed' }
  | { readonly type: 'ended'; readonly cause: string; readonly count: number }

export interface SessionNotes {
  readonly metrics: SessionMetrics
  readonly audit: Pick<Audit, 'note'>
  readonly log: Pick<Logger, 'info' | 'error'>
  /** Lets lines about failed logins through. */
  readonly failures: Pick<Sparingly, 'pass'>
}

/** Counts what happened to a session, and logs why a login failed; the audit log is told of each that is handed out, and not to whom: an openid is personal. */
export function noteSession(notes: SessionNotes, account: Account, happened: SessionHappening, ctx: Context): void {
  const { metrics, audit } = notes
  switch (happened.type) {
    case 'login':
      metrics.login(account, happened.newUser ? 'new-user' : 'known-user')
      noteHandOut(audit, ctx, { account: account.name, what: 'session', from: 'wechat' })
      break
    case 'login-failed':
      metrics.login(account, outcomeOf(causeOf(happened.error)))
      logFailure(notes, account, happened.error, ctx)
      break
    case 'renewed':
      metrics.renewed(account)
      noteHandOut(audit, ctx, { account: account.name, what: 'session', from: 'store' })
      break
    default:
      metrics.ended(account, happened.cause, happened.count)
  }
}

/** An error of WeChat's side comes as a refusal of the hub's, which tells a mini program less. */
function causeOf(error: unknown): unknown {
  return error instanceof HttpError && error.cause instanceof WechatError ? error.cause : error
}

function outcomeOf(cause: unknown): string {
  return cause instanceof WechatError ? cause.code : 'FAILED'
}

/** Whoever sends wrong codes is no concern of the operator's, but everything else is. */
function logFailure({ log, failures }: SessionNotes, { name }: Account, error: unknown, ctx: Context): void {
  const cause = causeOf(error)
  const heldBack = failures.pass(`${name}/${cause instanceof WechatError ? cause.errcode : 'other'}`)
  if (heldBack === undefined) return
  const about = { event: 'login-failed', account: name, requestId: ctx.state['requestId'], err: cause }
  const line = heldBack === 0 ? about : { ...about, heldBack }
  if (error instanceof HttpError && error.status < 500) log.info(line, 'a login was refused')
  else log.error(line, 'a login failed: this hub and WeChat, or the store, must be looked at')
}
