import { randomUUID } from 'node:crypto'
import type { Context, Middleware } from 'koa'
import { callerAddress } from '../http/caller-address.js'
import type { Clock } from '../wechat/clock.js'
import type { Log } from './log.js'

/** What the request log reads of `ctx.state`, and what it puts there: `requestId`, and who asked for what as it may be shown. */
interface LoggedState {
  requestId?: string
  /** Without its query. */
  path?: string
  /** The caller's address. */
  remote?: string
  client?: { readonly name: string }
  account?: { readonly name: string }
}

const probes: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics'])

/** What nginx logs where no status was sent because the client had gone. */
const clientClosedRequest = 499

/**
 * Gives each request an id (`ctx.state.requestId`) and writes one line when its answer is sent or its
 * connection lost. To be the outermost middleware.
 */
export function requestLog(log: Pick<Log, 'request'>, clock: Pick<Clock, 'monotonic'>): Middleware {
  return function logRequest(ctx, next) {
    const start = clock.monotonic()
    const state: LoggedState = ctx.state
    const requestId = requestIdOf(ctx)
    state.requestId = requestId
    // Both are gone, or rewritten, by the time the line is written.
    const path = pathOf(ctx.req.url ?? '')
    const remote = printable(callerAddress(ctx))
    state.path = path
    state.remote = remote

    ctx.res.once('close', () => {
      const { res } = ctx
      const aborted = !res.writableFinished
      const status = aborted && !res.headersSent ? clientClosedRequest : res.statusCode
      const level = probes.has(path) ? 'debug' : status >= 500 ? 'error' : 'info'
      log.request(level, {
        requestId,
        method: ctx.req.method ?? '',
        path,
        status,
        ms: Math.round((clock.monotonic() - start) * 10) / 10,
        client: state.client?.name,
        account: state.account?.name,
        remote,
        aborted,
      })
    })
    return next()
  }
}

/** The caller's own id, if it is one; Node joins several headers with a comma, which is not. */
function requestIdOf(ctx: Context): string {
  const given = ctx.req.headers['x-request-id']
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID()
}

function pathOf(target: string): string {
  const end = target.search(/[?#]/)
  const path = end < 0 ? target : target.slice(0, end)
  // An absolute target (a proxy's) may hold a password before its host.
  return printable(path.startsWith('/') ? path : path.replace(/^[a-z]+:\/\/[^/]*/i, ''))
}

/** With control characters (also those from 0x7f on, which terminals obey too) percent-encoded. */
function printable(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, encodeURIComponent)
}
