import Koa, { type Context } from 'koa'
import type { Config } from '../config.js'
import type { Gateway } from '../gateway/gateway.js'
import { answer } from '../http/answer.js'
import { isCallerGone } from '../http/caller-gone.js'
import { chain } from '../http/chain.js'
import type { Routing } from '../http/router.js'
import type { Log } from '../ops/log.js'
import { requestLog } from '../ops/request-log.js'
import type { Clock } from '../wechat/clock.js'

interface AppParts {
  readonly gateway: Gateway
  readonly routing: Routing
  readonly log: Log
  readonly clock: Clock
}

/** What a request goes through. */
export function createApp({ server }: Config, { gateway, routing, log, clock }: AppParts): Koa {
  // Of X-Forwarded-For only the last address is the proxy's own word; those before it the caller can write.
  const app = new Koa({ proxy: server.trustProxy, maxIpsCount: 1 })
  const failed = (error: unknown, ctx?: Context) => {
    if (isCallerGone(error)) return
    log.log.error({ err: error, requestId: ctx?.state['requestId'] }, 'unexpected error')
  }
  app.on('error', failed)
  app.use(chain(requestLog(log, clock), answer(failed), gateway.middleware, routing.middleware))
  return app
}
