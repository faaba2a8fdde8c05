import { join } from 'node:path'
import { makeKey } from '../../src/access/key.js'
import type { Build } from './build.js'
import { Child } from './child.js'
import { withChildren } from './children.js'
import { type Figure, figure } from './figure.js'
import { cpuOfRequest } from './http-cost.js'
import type { Fill, Filled } from './programs/fill-sessions.js'
import { accessTokenPath, hubWithSessions, sandbox, withCpuProbe } from './programs.js'
import { inTurns } from './rounds.js'
import { Server } from './server.js'
import { temporaryFolder } from './temporary.js'

const rounds = 11
const warmUps = 2
const requests = 4_000
const connections = 20

const few = 1_000
/** Enough for several levels of tables. */
const many = 100_000

const path = '/v1/default/sessions/current'

/** A hub, and requests of a back end that ask it for sessions from all over its store. */
interface Stock {
  readonly hub: Server
  readonly turns: readonly Record<string, string>[]
  readonly bytes: number
}

/** What a back end's question "whose session is this" costs, beside a cached token's and beside that of a small store; and the disk. */
export async function sessions(build: Build): Promise<Figure[]> {
  const key = makeKey()
  const headers = { authorization: `Bearer ${key}` }
  return withChildren(async (started) => {
    const apiDomain = await started(new Child(sandbox(build))).hear<string>()
    const stock = async (count: number): Promise<Stock> => {
      const dataDir = join(temporaryFolder(), 'data')
      const filler = started(new Child({ file: build.program('fill-sessions'), talks: true }))
      const fill: Fill = { dataDir, count }
      const { sessions, bytes } = await filler.ask<Filled>(fill)
      await filler.stop()
      const hub = await Server.start(withCpuProbe(build, hubWithSessions(build, { key, apiDomain, dataDir })))
      started(hub.child)
      return { hub, bytes, turns: sessions.map((session) => ({ 'x-session': session })) }
    }
    const small = await stock(few)
    const large = await stock(many)
    const loader = started(new Child({ file: build.program('load'), talks: true }))
    const asked = { headers, requests, connections }
    const lookUp = ({ hub, turns }: Stock) => cpuOfRequest(hub, loader, { ...asked, path, turns })
    const token = () => cpuOfRequest(large.hub, loader, { ...asked, path: accessTokenPath })
    const besideToken = await inTurns({ rounds, warmUps, measure: () => lookUp(large), compare: token })
    const besideSmall = await inTurns({ rounds, warmUps, measure: () => lookUp(large), compare: () => lookUp(small) })
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
    ]
  })
}
