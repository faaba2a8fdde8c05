import type { Middleware } from 'koa'
import Router from 'koa-router'
import type { Route, Who } from './route.js'

export interface Routing {
  readonly routers: readonly Router[]
  readonly middleware: Middleware
}

/**
 * The hub's routes, each behind its guard. For each request koa-router tries every route that it has, so there is a router for
 * each beginning, depth and end of a path. Routes hold no wildcards: a path and its route have as many segments.
 */
export function createRouting(routes: readonly Route[], guard: (who: Who) => Middleware): Routing {
  const routers = new Map<string, Router>()
  for (const { method, path, name, who, about, handle } of routes) {
    const check = typeof who === 'string' ? undefined : guard(who)
    // One step: koa-router puts several together anew for each request.
    const step: Middleware = (ctx) => {
      if (about !== undefined) ctx['params'].account ??= about(ctx)
      return check === undefined ? handle(ctx) : check(ctx, async () => handle(ctx))
    }
    const { begin, end } = partsOf(path)
    const group = begin + (end.startsWith(anyEnd) ? anyEnd : end)
    const router = routers.get(group) ?? new Router()
    router.register(path, [method], [step], { name })
    routers.set(group, router)
  }
  // What they need of a context beyond Koa's they add themselves, as with `app.use`.
  const groups = new Map([...routers].map(([group, router]) => [group, router.routes() as Middleware]))
  const refuse = new Router().allowedMethods() as Middleware
  return {
    routers: [...routers.values()],
    middleware(ctx, next) {
      const { begin, end } = partsOf(ctx.path)
      const last = () => refuse(ctx, next)
      const any = groups.get(begin + anyEnd)
      const rest = any === undefined ? last : () => any(ctx, last)
      return groups.get(begin + end)?.(ctx, rest) ?? rest()
    },
  }
}

/** The end of routes whose last segment is a parameter. */
const anyEnd = '/:'

/**
 * How many segments a path has, and the first of them; and the last one with its slash. A slash at its end and letter case make no
 * difference, as in koa-router.
 */
function partsOf(path: string): { begin: string; end: string } {
  const whole = (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path).toLowerCase()
  let segments = 0
  for (let at = whole.indexOf('/'); at >= 0; at = whole.indexOf('/', at + 1)) segments += 1
  const second = whole.indexOf('/', 1)
  const begin = `${segments}${second < 0 ? whole : whole.slice(0, second)}`
  return { begin, end: whole.slice(whole.lastIndexOf('/')) }
}
