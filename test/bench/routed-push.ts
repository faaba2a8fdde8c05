import type { Build } from './build.js'
import { Child } from './child.js'
import { withChildren } from './children.js'
import { type Figure, figure } from './figure.js'
import type { PushLoad } from './programs/push-load.js'
import { backEnd, hubWithRoutes } from './programs.js'
import { inTurns } from './rounds.js'
import { Server } from './server.js'
import { quantile } from './statistics.js'

const rounds = 5
const warmUps = 1
/** A hub that has just started is busy with compiling: so many pushes go before. */
const unmeasured = 3_000
/** A second, for so many seconds, of which each round has this for the hub and this for the back end alone. */
const rate = 500
const seconds = 1.2

/** What the hub adds to the time that a back end on this machine takes, when pushes come at a constant rate. */
export async function routedPush(build: Build): Promise<Figure[]> {
  return [
    ...(await addedBy(build, { name: 'XML back end', format: 'xml', observed: false })),
    ...(await addedBy(build, { name: 'JSON back end', format: 'json', observed: false })),
    ...(await addedBy(build, { name: 'JSON, and an observer', format: 'json', observed: true })),
  ]
}

interface Routed {
  readonly name: string
  readonly format: 'xml' | 'json'
  readonly observed: boolean
}

interface Latency {
  readonly p50: number
  readonly p99: number
}

function addedBy(build: Build, { name, format, observed }: Routed): Promise<Figure[]> {
  return withChildren(async (started) => {
    const alone = await Server.start(backEnd(build, format))
    started(alone.child)
    const hub = await Server.start(hubWithRoutes(build, { to: alone.url, format, observed }))
    started(hub.child)
    const load = started(new Child({ file: build.program('push-load'), talks: true }))
    await warmUp(hub, load)
    const pairs = await inTurns({
      ...{ rounds, warmUps },
      prepare: () => load.ask<number>({ do: 'prepare', mode: 'safe', count: rate * seconds } satisfies PushLoad),
      measure: () => latencyOf(hub, load),
      compare: () => latencyOf(alone, load),
    })
    const added = (percentile: 'p50' | 'p99') => ({
      name: `routed push, ${name}, added ${percentile}`,
      unit: 'ms' as const,
      yardstick: 'back end alone',
      rounds: pairs.map(({ measured, compared }) => ({
        measured: measured[percentile] - compared[percentile],
        compared: compared[percentile],
      })),
    })
    const target = { of: 'measured', atMost: 5 } as const
    return [figure(added('p50')), figure({ ...added('p99'), ...(observed ? {} : { target }) })]
  })
}

async function warmUp(hub: Server, load: Child): Promise<void> {
  await load.ask<number>({ do: 'prepare', mode: 'safe', count: unmeasured } satisfies PushLoad)
  await load.ask<number>({ do: 'saturate', port: hub.port, connections: 4 } satisfies PushLoad)
}

async function latencyOf(server: Server, load: Child): Promise<Latency> {
  const took = await load.ask<number[]>({ do: 'pace', port: server.port, rate } satisfies PushLoad)
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99) }
}
