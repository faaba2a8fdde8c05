import type { Callers } from '../access/callers.js'
import { emulatedPaths } from '../broker/compatible-routes.js'
import type { Config } from '../config.js'
import { Gateway } from '../gateway/gateway.js'
import type { Metrics } from '../ops/metrics.js'

interface GatewayParts {
  readonly callers: Callers
  readonly metrics: Metrics
}

/** The way of back ends to WeChat's API, but for the paths that the hub answers itself. */
export function createGateway({ wechat }: Config, { callers, metrics }: GatewayParts): Gateway {
  return new Gateway({
    apiDomain: wechat.apiDomain,
    emulated: emulatedPaths,
    admit: (ctx, call) => callers.admitCall(ctx, call),
    refuse: (ctx, refusal) => callers.refuse(ctx, refusal),
    observe: ({ account, outcome, retried }) => metrics.gateway.count(account, outcome, retried),
  })
}
