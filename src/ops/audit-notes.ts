import type { Context } from 'koa'
import type { CredentialEvent, CredentialName } from '../wechat/credential-event.js'
import type { Source } from '../wechat/held.js'
import type { Audit, AuditEntry } from './audit.js'

/** The refusals that are told: who may not. Not what was merely not found, or was asked wrongly. */
const toldStatuses: ReadonlySet<number> = new Set([401, 403, 429])

/** A credential was given to whoever made this request. */
export function noteHandOut(
  audit: Pick<Audit, 'note'>,
  ctx: Context,
  given: { readonly account: string; readonly what: CredentialName | 'hub_token' | 'session'; readonly from: Source },
): void {
  const { client, requestId, address } = callerOf(ctx)
  const { account, what, from: result } = given
  audit.note({ action: 'hand-out', what, client, account, result, requestId, address })
}

/** This request was not let through. `account`: the name of the one that it is about, if there is such an account. */
export function noteRefusal(
  audit: Pick<Audit, 'note'>,
  ctx: Context,
  refusal: { readonly status: number; readonly errmsg: string },
  account?: string,
): void {
  if (!toldStatuses.has(refusal.status)) return
  const { client, requestId, address, path } = callerOf(ctx)
  const what = `${ctx.method} ${path}`
  const result = String(refusal.status)
  audit.note({ action: 'refusal', what, client, account, result, detail: refusal.errmsg, requestId, address })
}

/** Something happened to a credential of this account: refreshed, not refreshed, replaced by another process, or dead early. */
export function noteCredential(audit: Pick<Audit, 'note'>, account: string, event: CredentialEvent): void {
  const told = refreshOf(event)
  if (told !== undefined) audit.note({ action: 'refresh', what: event.credential, account, ...told })
}

/** A client was added, changed or revoked. */
export function noteClientChange(
  audit: Pick<Audit, 'note'>,
  { client, change }: { readonly client: string; readonly change: string },
): void {
  audit.note({ action: 'client', what: change, client, result: 'in-force' })
}

function refreshOf(event: CredentialEvent): Pick<AuditEntry, 'result' | 'detail'> | undefined {
  switch (event.type) {
    case 'refreshed':
      return { result: event.from, detail: event.cause }
    case 'adopted':
      return { result: 'adopted', detail: 'another process refreshed it' }
    case 'refresh-failed':
      return { result: 'failed', detail: `${event.cause}: ${event.error.code} ${event.error.errcode}` }
    case 'died-early': {
      const age = event.age === undefined ? 'of unknown age' : `${event.age} s old`
      return { result: 'died-early', detail: `${age}, ${event.secondsLeft} s before its end; by ${event.noticedBy}` }
    }
    default:
      return undefined
  }
}

/** What the request log and the guard have found out of a request. */
interface CallerState {
  readonly client?: { readonly name: string }
  readonly requestId?: string
  readonly remote?: string
  readonly path?: string
}

function callerOf(ctx: Context) {
  const { client, requestId, remote, path }: CallerState = ctx.state
  return { client: client?.name, requestId, address: remote, path }
}
