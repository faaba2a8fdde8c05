import type { Context } from 'koa'
import Router from 'koa-router'
import { ApiError, errorBody } from '../errmsg.js'
import type { World } from '../world.js'
import { Call } from './call.js'
import { Download, type Endpoint } from './endpoint.js'
import { endpoints } from './endpoints.js'

/** The API: each endpoint, its wrong methods, and 40066 for all the rest. Errors have HTTP status 200, as WeChat's have. */
export function apiRoutes(world: World): ReturnType<Router['routes']> {
  const router = new Router({ strict: true, sensitive: true })
  for (const endpoint of endpoints) router.all(endpoint.path, (ctx) => run(ctx, endpoint, world))
  router.all('{*rest}', (ctx) => {
    ctx.body = errorBody(40066)
  })
  return router.routes()
}

async function run(ctx: Context, endpoint: Endpoint, world: World): Promise<void> {
  try {
    if (ctx.method !== endpoint.method) throw new ApiError(endpoint.method === 'GET' ? 43001 : 43002)
    give(ctx, await endpoint.answer(new Call(ctx.req, ctx.query), world))
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    ctx.body = errorBody(error.errcode, error.message)
  }
}

function give(ctx: Context, answer: object): void {
  if (!(answer instanceof Download)) {
    ctx.body = answer
    return
  }
  ctx.attachment(answer.filename)
  ctx.set('content-type', answer.contentType)
  ctx.body = answer.bytes
}
