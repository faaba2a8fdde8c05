import type { Context } from 'koa'
import { commonHeaders } from './common-headers.js'

/**
 * Answers JSON text at once, past Koa: status, headers and body leave in one piece, which costs a fifth less than setting
 * them one by one. For what is asked for most, such as tokens (`npm run bench`). `more` is a flat list of further headers.
 */
export function sendJson(ctx: Context, text: string, more: readonly string[] = []): void {
  const headers = commonHeaders(ctx)
  if (more.length > 0) headers.push(...more)
  headers.push('Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(Buffer.byteLength(text)))
  ctx.respond = false
  ctx.res.writeHead(200, headers).end(text)
}
