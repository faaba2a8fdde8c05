import type { Middleware } from 'koa'
import Router from 'koa-router'
import type { Route, Who } from './route.js'

/** The hub's router: each route behind its guard. */
export function createRouter(routes: readonly Route[], guard: (who: Who) => Middleware): Router {
  const router = new Router()
  for (const { method, path, name, who, about, handle } of routes) {
    const steps: Middleware[] = [(ctx) => handle(ctx)]
    // These two check nothing: the route gives nothing away, or its handler checks WeChat's signature.
    if (who !== 'anyone' && who !== 'wechat') steps.unshift(guard(who))
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
