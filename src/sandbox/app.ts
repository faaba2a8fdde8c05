import Koa, { type Middleware } from 'koa'
import { apiRoutes } from './api/routes.js'
import type { SandboxClock } from './clock.js'
import { controlRoutes } from './control/routes.js'
import type { Faults } from './faults.js'
import { inflict } from './inflict.js'
import { type LogLine, observe } from './observe.js'
import { tokenTraffic } from './token-traffic.js'
import type { World } from './world.js'

/** The sandbox as a Koa app: control first, so that no fault can lock it out. */
export function createApp(world: World, log: (line: LogLine) => void): Koa {
  const app = new Koa()
  app.on('error', (error: NodeJS.ErrnoException) => {
    // A client that goes away while it is answered is no fault of the sandbox, and often what a test is about.
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') process.stderr.write(`sandbox: ${error.stack}\n`)
  })
  app.use(dated(world.clock))
  app.use(observe(world.requests, log))
  app.use(controlRoutes(world))
  app.use(tokenTraffic(world))
  app.use(misfortune(world.faults))
  app.use(apiRoutes(world))
  return app
}

/** An answer tells the sandbox's time, which programs may hold against their own. */
function dated(clock: SandboxClock): Middleware {
  return async (ctx, next) => {
    await next()
    if (ctx.respond !== false) ctx.set('Date', new Date(clock.now()).toUTCString())
  }
}

function misfortune(faults: Faults): Middleware {
  return async (ctx, next) => {
    const fault = faults.next(ctx.path)
    await (fault === undefined ? next() : inflict(ctx, fault, next))
  }
}
