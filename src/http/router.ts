import type { Context, Middleware, Next } from 'koa'
import Router from 'koa-router'
import type { Route, Who } from './route.js'

export interface Routing {
  readonly routers: readonly Router[]
  readonly middleware: Middleware
}

/**
 * The hub's routes, each behind its guard. For each request koa-router tries every route that it has, so there is a router for
 * each beginning and depth of a path. Routes hold no wildcards: a path and its route have as many segments.
 */
export function createRouting(routes: readonly Route[], guard: (who: Who) => Middleware): Routing {
  const routers = new Map<string, Router>()
  for (const { method, path, name, who, about, handle } of routes) {
    const steps: Middleware[] = [guard(who), (ctx) => handle(ctx)]
    if (about !== undefined) {
      steps.unshift((ctx, next) => {
        ctx['params'].account ??= about(ctx)
        return next()
      })
    }
    const group = groupOf(path)
    const router = routers.get(group) ?? new Router()
    router.register(path, [method], steps, { name })
    routers.set(group, router)
  }
  const groups = new Map([...routers].map(([group, router]) => [group, middlewareOf(router)]))
  // Has no route, but knows which methods there are.
  const otherwise = middlewareOf(new Router())
  return {
    routers: [...routers.values()],
    middleware: (ctx, next) => (groups.get(groupOf(ctx.path)) ?? otherwise)(ctx, next),
  }
}

function middlewareOf(router: Router): Middleware {
  // What they need of a context beyond Koa's they add themselves, as with `app.use`.
  const route = router.routes() as Middleware
  const refuse = router.allowedMethods() as Middleware
  return (ctx: Context, next: Next) => route(ctx, () => refuse(ctx, next))
}

/** How many segments a path has, and the first of them; a slash at its end and letter case make no difference, as in koa-router. */
function groupOf(path: string): string {
  const end = path.length > 1 && path.endsWith('/') ? path.length - 1 : path.length
  let segments = 0
  for (let at = path.indexOf('/'); at >= 0 && at < end; at = path.indexOf('/', at + 1)) segments += 1
  const second = path.indexOf('/', 1)
  return `${segments}${path.slice(0, second < 0 ? end : Math.min(second, end)).toLowerCase()}`
}
