import type { Context, Next } from 'koa'
import { errorBody } from './errmsg.js'
import type { Fault, FaultKind } from './faults.js'

type Inflict = (ctx: Context, fault: Fault, next: Next) => void | Promise<void>

const page = '<html><head><title>error</title></head><body><center><h1>error</h1></center></body></html>\n'

const inflictions: Record<FaultKind, Inflict> = {
  slow: async (ctx, { ms = 1000 }, next) => {
    await next()
    await held(ctx, ms)
  },
  hang: (ctx) => {
    ctx.respond = false
  },
  reset: (ctx) => {
    ctx.respond = false
    ctx.req.socket.resetAndDestroy()
  },
  truncate: (ctx) => {
    ctx.respond = false
    ctx.res.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
    ctx.res.write('{"access_token":"', () => ctx.req.socket.end())
  },
  status: (ctx, { status = 502 }) => html(ctx, status),
  garbage: (ctx) => html(ctx, 200),
  busy: (ctx) => fail(ctx, -1),
  ip: (ctx) => fail(ctx, 40164),
  quota: (ctx) => fail(ctx, 45009),
  errcode: (ctx, { errcode = -1, errmsg }) => fail(ctx, errcode, errmsg),
  huge: (ctx) => {
    ctx.body = { access_token: 'x'.repeat(5 * 1024 * 1024), expires_in: 7200 }
  },
}

/** Lets the fault befall this request. */
export async function inflict(ctx: Context, fault: Fault, next: Next): Promise<void> {
  await inflictions[fault.kind](ctx, fault, next)
}

function html(ctx: Context, status: number): void {
  ctx.status = status
  ctx.type = 'html'
  ctx.body = page
}

function fail(ctx: Context, errcode: number, errmsg?: string): void {
  ctx.body = errorBody(errcode, errmsg)
}

/** Ends after `ms`, or when the client is gone. */
function held(ctx: Context, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    ctx.res.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
