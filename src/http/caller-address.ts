import type { Context } from 'koa'

/** The caller's address. Koa's `ctx.ip` reads `X-Forwarded-For`, which costs, even where it is not believed. */
export function callerAddress(ctx: Context): string {
  return ctx.app.proxy ? ctx.ip : (ctx.req.socket.remoteAddress ?? '')
}
