import { createReadStream } from 'node:fs'
import { makeKey } from '../../src/access/key.js'
import type { Build } from './build.js'
import { Child } from './child.js'
import { withChildren } from './children.js'
import { type Figure, figure } from './figure.js'
import type { Load, Loaded } from './programs/load.js'
import { accessTokenPath, bareKoa, hubOfAccount, sandbox, withCpuProbe } from './programs.js'
import { inTurns } from './rounds.js'
import { Server } from './server.js'

/** Many short ones: on a machine that does other things as well the median of many pairs is worth more than long rounds. */
const rounds = 31
const requests = 5_000
/** Rounds that only warm up. */
const warmUps = 3
const connections = 20

/** CPU time of a request for a token in memory: the hub's whole process against a bare Koa app's that answers the same. */
export async function httpCost(build: Build): Promise<Figure> {
  const key = makeKey()
  const headers = { authorization: `Bearer ${key}` }
  return withChildren(async (started) => {
    const apiDomain = await started(new Child(sandbox(build))).hear<string>()
    const hub = await Server.start(withCpuProbe(build, hubOfAccount(build, { key, apiDomain })))
    started(hub.child)
    const answer = await memoryAnswer(`${hub.url}${accessTokenPath}`, headers)
    const bare = await Server.start(withCpuProbe(build, bareKoa(build, answer)))
    started(bare.child)
    const loader = started(new Child({ file: build.program('load'), talks: true }))

    const asked = { path: accessTokenPath, headers, requests, connections }
    const cost = (server: Server) => cpuOfRequest(server, loader, asked)
    const measured = await inTurns({ rounds, warmUps, measure: () => cost(hub), compare: () => cost(bare) })
    await hub.child.stop()
    await checkLog(hub.child.log)
    return figure({
      name: 'access-token over HTTP, CPU',
      unit: 'µs/request',
      yardstick: 'bare Koa',
      rounds: measured,
      target: { of: 'ratio', atMost: 1.35 },
    })
  })
}

async function memoryAnswer(url: string, headers: Record<string, string>): Promise<string> {
  await (await fetch(url, { headers })).text()
  const answer = await (await fetch(url, { headers })).text()
  if (!answer.includes('"from":"memory"')) throw new Error('the hub gives no token from its memory')
  return answer
}

/** What is asked of a server, over and over. */
export type Requests = Omit<Load, 'port'>

/** The CPU time of the whole process for each of the requests, in µs. */
export async function cpuOfRequest(server: Server, loader: Child, asked: Requests): Promise<number> {
  const load: Load = { port: server.port, ...asked }
  const before = await server.child.ask<number>('cpu')
  const answered = await loader.ask<Loaded>(load)
  const after = await server.child.ask<number>('cpu')
  if (answered < load.requests) throw new Error(`only ${answered} of ${load.requests} requests were answered`)
  return (after - before) / load.requests
}

/** A hub that did not log its requests would be cheaper than what users have. */
async function checkLog(file: string): Promise<void> {
  let lines = 0
  for await (const chunk of createReadStream(file, 'utf8')) lines += String(chunk).split('\n').length - 1
  if (lines < requests * (warmUps + rounds)) throw new Error(`the hub logged only ${lines} lines`)
}
