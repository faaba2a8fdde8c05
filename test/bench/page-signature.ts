import type { Build } from './build.js'
import { Child } from './child.js'
import { withChildren } from './children.js'
import { type Figure, figure } from './figure.js'
import { cpuOfRequest } from './http-cost.js'
import { bareKoa, hubWithPages, sandbox, withCpuProbe } from './programs.js'
import { inTurns } from './rounds.js'
import { Server } from './server.js'

const rounds = 61
const warmUps = 3
const requests = 5_000
const connections = 20

const url = 'https://www.example.com/goods/1?from=singlemessage&isappinstalled=0'
const path = `/v1/default/jssdk?url=${encodeURIComponent(url)}`
const headers = { origin: 'https://www.example.com' }

/** CPU time of the signature of a page: the hub's whole process against a bare Koa app's that answers the same bytes. */
export function pageSignature(build: Build): Promise<Figure> {
  return withChildren(async (started) => {
    const apiDomain = await started(new Child(sandbox(build))).hear<string>()
    const hub = await Server.start(
      withCpuProbe(build, hubWithPages(build, { apiDomain, jsDomains: ['www.example.com'] })),
    )
    started(hub.child)
    const bare = await Server.start(withCpuProbe(build, bareKoa(build, await answerOf(hub))))
    started(bare.child)
    const loader = started(new Child({ file: build.program('load'), talks: true }))
    const cost = (server: Server) => cpuOfRequest(server, loader, { path, headers, requests, connections })
    const measured = await inTurns({ rounds, warmUps, measure: () => cost(hub), compare: () => cost(bare) })
    return figure({
      name: 'page signatures, CPU',
      unit: 'µs/request',
      yardstick: 'bare Koa',
      rounds: measured,
      target: { of: 'ratio', atMost: 1.5 },
    })
  })
}

async function answerOf(hub: Server): Promise<string> {
  const answer = await (await fetch(`${hub.url}${path}`, { headers })).text()
  if (!answer.includes('"signature"')) throw new Error('the hub does not sign the page')
  return answer
}
