import type { Middleware } from 'koa'

/** Several steps as one middleware. koa-compose binds a function and makes a promise for each step at each request, which costs. */
export function chain(...steps: readonly Middleware[]): Middleware {
  return steps.reduceRight<Middleware>(
    (rest, step) => (ctx, next) => step(ctx, () => rest(ctx, next)),
    (_ctx, next) => next(),
  )
}
