import { makeKey } from '../../src/access/key.js'
import type { Build } from './build.js'
import { Child } from './child.js'
import { withChildren } from './children.js'
import { type Figure, figure } from './figure.js'
import { cpuOfRequest } from './http-cost.js'
import { bareKoa, hubOfAccount, upstream, withCpuProbe } from './programs.js'
import { inTurns } from './rounds.js'
import { Server } from './server.js'
import { answerOf, tokenPath } from './token-of.js'

const rounds = 21
const warmUps = 3
const requests = 5_000
const connections = 20

/** CPU time of an SDK's fetch of a token: the hub's whole process against a bare Koa app's that answers the same. */
export async function compatibleToken(build: Build): Promise<Figure[]> {
  return [await withScope(build, 'token'), await withScope(build, 'gateway:/cgi-bin/*')]
}

function withScope(build: Build, scope: string): Promise<Figure> {
  const key = makeKey()
  return withChildren(async (started) => {
    const apiDomain = await started(new Child(upstream(build))).hear<string>()
    const hub = await Server.start(withCpuProbe(build, hubOfAccount(build, { key, apiDomain, scopes: [scope] })))
    started(hub.child)
    const bare = await Server.start(withCpuProbe(build, bareKoa(build, await answerOf(hub, key))))
    started(bare.child)
    const loader = started(new Child({ file: build.program('load'), talks: true }))
    const cost = (server: Server) => cpuOfRequest(server, loader, { path: tokenPath(key), requests, connections })
    const measured = await inTurns({ rounds, warmUps, measure: () => cost(hub), compare: () => cost(bare) })
    return figure({
      name: `GET /cgi-bin/token, ${scope === 'token' ? "WeChat's" : 'hub token'}, CPU`,
      unit: 'µs/request',
      yardstick: 'bare Koa',
      rounds: measured,
      target: { of: 'ratio', atMost: 1.5 },
    })
  })
}
