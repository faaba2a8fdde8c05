import type { Context } from 'koa'

/** The headers that every answer of the hub has, as a flat list of names and values. */
export function commonHeaders(ctx: Context): string[] {
  const requestId: string = ctx.state['requestId']
  return ['X-Request-Id', requestId, 'Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']
}
