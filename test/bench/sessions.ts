import { join } from 'node:path'
import { makeKey } from '../../src/access/key.js'
import type { Build } from './build.js'
import { Child } from './child.js'
import { withChildren } from './children.js'
import { type Figure, figure } from './figure.js'
import { cpuOfRequest } from './http-cost.js'
import type { Fill, Filled } from './programs/fill-sessions.js'
import type { Sweep, Swept } from './programs/sweep-sessions.js'
import { accessTokenPath, hubWithSessions, sandbox, withCpuProbe } from './programs.js'
import { inTurns } from './rounds.js'
import { Server } from './server.js'
import { temporaryFolder } from './temporary.js'

const rounds = 11
const warmUps = 2
/** LevelDB brings a store in order that was just filled, while it is read for the first time: not what a session costs. */
const warmUpsOfLarge = 15
const requests = 4_000
const connections = 20

const few = 1_000
const many = 1_000_000
/** So many are stored before the next ones are asked for. */
const part = 20_000
/** Sessions of a stock that are asked for. */
const mostTold = 1_000

const path = '/v1/default/sessions/current'

/** A hub, and requests of a back end that ask it for sessions from all over its store. */
interface Stock {
  readonly dataDir: string
  readonly hub: Server
  readonly turns: readonly Record<string, string>[]
  readonly bytes: number
}

/** What a back end's question "whose session is this" costs, beside a cached token's and beside that of a small store; the disk; and the sweep. */
export async function sessions(build: Build): Promise<Figure[]> {
  const key = makeKey()
  const headers = { authorization: `Bearer ${key}` }
  return withChildren(async (started) => {
    const apiDomain = await started(new Child(sandbox(build))).hear<string>()
    const stock = async (count: number): Promise<Stock> => {
      const dataDir = join(temporaryFolder(), 'data')
      const { sessions, bytes } = await filled(started(new Child(program(build, 'fill-sessions'))), dataDir, count)
      const hub = await Server.start(withCpuProbe(build, hubWithSessions(build, { key, apiDomain, dataDir })))
      started(hub.child)
      return { dataDir, hub, bytes, turns: sessions.map((session) => ({ 'x-session': session })) }
    }
    const small = await stock(few)
    const large = await stock(many)
    const loader = started(new Child(program(build, 'load')))
    const asked = { headers, requests, connections }
    const lookUp = ({ hub, turns }: Stock) => cpuOfRequest(hub, loader, { ...asked, path, turns })
    const token = () => cpuOfRequest(large.hub, loader, { ...asked, path: accessTokenPath })
    const besideToken = await inTurns({ rounds, warmUps: warmUpsOfLarge, measure: () => lookUp(large), compare: token })
    const besideSmall = await inTurns({ rounds, warmUps, measure: () => lookUp(large), compare: () => lookUp(small) })
    await Promise.all([small, large].map(({ hub }) => hub.child.stop()))
    const { swept, idle } = await sweep(started(new Child(program(build, 'sweep-sessions'))), large)
    return [
      figure({
        ...{ name: `a session of ${many}, CPU`, unit: 'µs/request', yardstick: 'a cached token', rounds: besideToken },
        target: { of: 'ratio', atMost: 2 },
      }),
      figure({
        ...{ name: `a session of ${many}, CPU`, unit: 'µs/request', yardstick: `of ${few}`, rounds: besideSmall },
        target: { of: 'ratio', atMost: 1.5 },
      }),
      figure({
        ...{ name: `a session and its user on disk`, unit: 'B/session', yardstick: 'the limit' },
        rounds: [{ measured: large.bytes / many, compared: 400 }],
        target: { of: 'measured', atMost: 400 },
      }),
      figure({
        ...{ name: `longest pause while ${many} are swept`, unit: 'ms', yardstick: 'doing nothing' },
        rounds: [{ measured: swept.longest, compared: idle.longest }],
        target: { of: 'measured', atMost: 10 },
      }),
      figure({
        ...{ name: `pause while ${many} are swept, 999 of 1000`, unit: 'ms', yardstick: 'doing nothing' },
        rounds: [{ measured: swept.usual, compared: idle.usual }],
      }),
    ]
  })
}

function program(build: Build, name: string) {
  return { file: build.program(name), talks: true }
}

async function filled(filler: Child, dataDir: string, count: number): Promise<Filled> {
  const sessions: string[] = []
  for (let left = count; ; left -= part) {
    const some = Math.min(left, part)
    const last = left === some
    const fill: Fill = { dataDir, count: some, told: Math.ceil((mostTold * some) / count), last }
    const done = await filler.ask<Filled>(fill)
    sessions.push(...done.sessions)
    if (!last) continue
    await filler.stop()
    return { sessions, bytes: done.bytes }
  }
}

async function sweep(sweeper: Child, { dataDir }: Stock): Promise<Swept> {
  const asked: Sweep = { dataDir }
  let heard = await sweeper.ask<Swept | 'sweeping'>(asked)
  while (heard === 'sweeping') heard = await sweeper.hear<Swept | 'sweeping'>()
  await sweeper.stop()
  return heard
}
