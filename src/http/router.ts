import type { Middleware } from 'koa'
import Router from 'koa-router'
import type { Route, Who } from './route.js'

/** The hub's router: each route behind its guard. */
export function createRouter(routes: readonly Route[], guard: (who: Who) => Middleware): Router {
  const router = new Router()
  for (const { method, path, name, who, about, handle } of routes) {
    const steps: Middleware[] = [guard(who), (ctx) => handle(ctx)]
    if (about !== undefined) {
      steps.unshift((ctx, next) => {
        ctx['params'].account ??= about(ctx)
        return next()
      })
    }
    router.register(path, [method], steps, { name })
  }
  return router
}
