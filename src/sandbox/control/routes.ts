import type { Context } from 'koa'
import Router from 'koa-router'
import { BodyRefused, readBody } from '../body.js'
import { Refusal } from '../refusal.js'
import type { World } from '../world.js'
import { about } from './about.js'
import { type Control, type ControlRequest, Shown } from './control.js'
import { controls } from './controls.js'

/** `/` and everything under `/sandbox`; all other paths are the API's. */
export function isControl(path: string): boolean {
  return path === '/' || path === '/sandbox' || path.startsWith('/sandbox/')
}

/** The control routes. What they do not take is a 400 (404 for an unknown one) with `{error: a sentence}`. */
export function controlRoutes(world: World): ReturnType<Router['routes']> {
  const router = new Router()
  router.get('/', (ctx) => {
    ctx.body = about(controls)
  })
  for (const control of controls) router.register(control.path, [control.method], (ctx) => run(ctx, control, world))
  router.all(['/', '/sandbox{/*rest}'], (ctx) => refuse(ctx, 404, 'No such control route; GET / lists them'))
  return router.routes()
}

async function run(ctx: Context, control: Control, world: World): Promise<void> {
  try {
    give(ctx, await control.run(await requestOf(ctx), world))
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof BodyRefused)) throw error
    refuse(ctx, 400, error.message)
  }
}

function give(ctx: Context, answer: object): void {
  if (!(answer instanceof Shown)) {
    ctx.body = answer
    return
  }
  ctx.set({ 'content-type': answer.contentType, ...answer.headers })
  ctx.body = answer.text
}

async function requestOf(ctx: Context): Promise<ControlRequest> {
  const body = ctx.method === 'POST' ? parsed(await readBody(ctx.req)) : undefined
  const query = (name: string) => {
    const value = ctx.query[name]
    return typeof value === 'string' ? value : undefined
  }
  return { body, query }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    throw new Refusal('The body must be a JSON object')
  }
}

function refuse(ctx: Context, status: number, error: string): void {
  ctx.status = status
  ctx.body = { error }
}
