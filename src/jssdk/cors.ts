import type { Context } from 'koa'
import type { PageDomains } from './page-domains.js'

/** In seconds: how long a browser may remember that a page may ask. */
const remembered = 600

/**
 * The headers that let a page on one of the domains read an answer, as a flat list of names and values. Never with
 * credentials: a signature depends on nothing but the page.
 */
export function corsHeaders(ctx: Context, domains: PageDomains | undefined): string[] {
  const { origin } = ctx.req.headers
  if (origin === undefined || domains?.holdOrigin(origin) !== true) return ['Vary', 'Origin']
  return ['Vary', 'Origin', 'Access-Control-Allow-Origin', origin]
}

/** Sets them, and what a browser asks beforehand. */
export function answerPreflight(ctx: Context, domains: PageDomains | undefined): void {
  const headers = corsHeaders(ctx, domains)
  setAll(ctx, headers)
  if (isAllowed(headers)) {
    setAll(ctx, ['Access-Control-Allow-Methods', 'GET', 'Access-Control-Max-Age', String(remembered)])
  }
  ctx.status = 204
}

/** Sets them on a refusal, so that the page can read why, and when to come again. */
export function setOnRefusal(ctx: Context, headers: readonly string[]): void {
  setAll(ctx, headers)
  if (isAllowed(headers)) setAll(ctx, ['Access-Control-Expose-Headers', 'Retry-After'])
}

function isAllowed(headers: readonly string[]): boolean {
  return headers.includes('Access-Control-Allow-Origin')
}

/** Sets headers given as a flat list. */
function setAll(ctx: Context, headers: readonly string[]): void {
  for (let i = 0; i + 1 < headers.length; i += 2) ctx.res.setHeader(headers[i] ?? '', headers[i + 1] ?? '')
}
