import type { Context, Middleware } from 'koa'
import { Call, text } from './api/call.js'
import { stableToken } from './api/stable-token.js'
import { token } from './api/token.js'
import type { World } from './world.js'

/** Counts the token requests under way per account, of both endpoints together. One that hangs counts until it is cut. */
export function tokenTraffic({ accounts, requests }: World): Middleware {
  return async (ctx, next) => {
    const appID = await appidOf(ctx)
    if (appID === undefined || !accounts.has(appID)) return next()
    const leave = requests.inFlight.enter(appID)
    try {
      await next()
    } finally {
      if (ctx.respond === false && !ctx.res.destroyed) ctx.res.once('close', leave)
      else leave()
    }
  }
}

async function appidOf(ctx: Context): Promise<string | undefined> {
  const call = new Call(ctx.req, ctx.query)
  if (ctx.path === token.path) return call.query('appid')
  if (ctx.path !== stableToken.path || ctx.method !== stableToken.method) return undefined
  // A body that is no JSON is refused by the endpoint itself.
  return call.json().then(
    (body) => text(body['appid']),
    () => undefined,
  )
}
