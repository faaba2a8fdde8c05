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
  // Retry-After tells a page that has asked too often when to come again.
  return [
    ...['Vary', 'Origin', 'Access-Control-Allow-Origin', origin],
    ...['Access-Control-Expose-Headers', 'Retry-After'],
  ]
}

/** Sets them, and what a browser asks beforehand. */
export function answerPreflight(ctx: Context, domains: PageDomains | undefined): void {
  const headers = corsHeaders(ctx, domains)
  setAll(ctx, headers)
  if (headers.includes('Access-Control-Allow-Origin')) {
    setAll(ctx, ['Access-Control-Allow-Methods', 'GET', 'Access-Control-Max-Age', String(remembered)])
  }
  ctx.status = 204
}

/** Sets headers given as a flat list. */
export function setAll(ctx: Context, headers: readonly string[]): void {
  for (let i = 0; i + 1 < headers.length; i += 2) ctx.res.setHeader(headers[i] ?? '', headers[i + 1] ?? '')
}
