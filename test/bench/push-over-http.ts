import type { Build } from './build.js'
import { Child } from './child.js'
import { withChildren } from './children.js'
import { type Figure, figure } from './figure.js'
import type { PushLoad } from './programs/push-load.js'
import { coWechatCallback, ownCallback, withCpuProbe } from './programs.js'
import { inTurns } from './rounds.js'
import { Server } from './server.js'

const rounds = 11
const warmUps = 3
const pushes = 2_500
const connections = 20

/** Text messages that a handler in the same process answers: `callback` against co-wechat, each in the same Koa app. */
export async function pushOverHttp(build: Build): Promise<Figure[]> {
  return [await inMode(build, 'plain'), await inMode(build, 'safe')]
}

function inMode(build: Build, mode: 'plain' | 'safe'): Promise<Figure> {
  return withChildren(async (started) => {
    const ours = await Server.start(withCpuProbe(build, ownCallback(build, mode)))
    started(ours.child)
    const theirs = await Server.start(withCpuProbe(build, coWechatCallback(build, mode)))
    started(theirs.child)
    const load = started(new Child({ file: build.program('push-load'), talks: true }))
    const measured = await inTurns({
      ...{ rounds, warmUps },
      prepare: () => load.ask<number>({ do: 'prepare', mode, count: pushes } satisfies PushLoad),
      measure: () => pushesASecond(ours, load),
      compare: () => pushesASecond(theirs, load),
    })
    return figure({
      name: `text push over HTTP, ${mode} mode`,
      unit: 'pushes/s',
      yardstick: 'co-wechat',
      rounds: measured,
      target: { of: 'ratio', atLeast: 1.6 },
    })
  })
}

/**
 * How many pushes a server handles in a second of CPU time of its whole process. That is what it could do with a core of its own,
 * garbage collector included; by the clock the figure would be that of whatever else the machine does.
 */
async function pushesASecond(server: Server, load: Child): Promise<number> {
  const order: PushLoad = { do: 'saturate', port: server.port, connections }
  const before = await server.child.ask<number>('cpu')
  const replied = await load.ask<number>(order)
  const after = await server.child.ask<number>('cpu')
  if (replied !== pushes) throw new Error(`only ${replied} of ${pushes} pushes were replied to`)
  return (replied / (after - before)) * 1e6
}
