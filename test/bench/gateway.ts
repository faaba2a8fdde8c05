import { makeKey } from '../../src/access/key.js'
import type { Build } from './build.js'
import { Child } from './child.js'
import { withChildren } from './children.js'
import { type Figure, figure } from './figure.js'
import { cpuOfRequest, type Requests } from './http-cost.js'
import type { Uploads } from './programs/uploads.js'
import { forwarder, hubOfAccount, upstream, withCpuProbe } from './programs.js'
import { inTurns } from './rounds.js'
import { Server } from './server.js'
import { hubTokenOf } from './token-of.js'

const rounds = 15
const warmUps = 3
const requests = 4_000
const connections = 20

const uploadRounds = 15
const uploadsARound = 20
const uploadBytes = 10 * 1024 * 1024

const call = '/cgi-bin/message/custom/send'
const message = JSON.stringify({ touser: 'oABCD', msgtype: 'text', text: { content: 'x'.repeat(960) } })

/** A call through the gateway, hub token and scope checked, real token put in its place, against proxies that only forward. */
export async function gateway(build: Build): Promise<Figure[]> {
  const key = makeKey()
  return withChildren(async (started) => {
    const apiDomain = await started(new Child(upstream(build))).hear<string>()
    const hub = await Server.start(
      withCpuProbe(build, hubOfAccount(build, { key, apiDomain, scopes: ['gateway:/cgi-bin/*'] })),
    )
    started(hub.child)
    const token = await hubTokenOf(hub, key)
    const loader = started(new Child({ file: build.program('load'), talks: true }))
    const uploader = started(new Child({ file: build.program('uploads'), talks: true }))
    const figures: Figure[] = []
    for (const name of ['fast-proxy', 'http-proxy'] as const) {
      const proxy = await Server.start(withCpuProbe(build, forwarder(build, name, apiDomain)))
      started(proxy.child)
      const path = `${call}?access_token=${token}`
      const get = { path, requests, connections }
      const post = { ...get, method: 'POST', headers: { 'content-type': 'application/json' }, body: message } as const
      figures.push(await cpuAgainst(`gateway GET, CPU`, get, { hub, proxy, loader, name }))
      figures.push(await cpuAgainst(`gateway POST of 1 KB, CPU`, post, { hub, proxy, loader, name }))
      if (name === 'http-proxy') figures.push(await uploads(path, { hub, proxy, uploader }))
    }
    return figures
  })
}

async function cpuAgainst(
  name: string,
  asked: Requests,
  parts: { hub: Server; proxy: Server; loader: Child; name: string },
): Promise<Figure> {
  const { hub, proxy, loader } = parts
  const measured = await inTurns({
    ...{ rounds, warmUps },
    measure: () => cpuOfRequest(hub, loader, asked),
    compare: () => cpuOfRequest(proxy, loader, asked),
  })
  return figure({
    ...{ name, unit: 'µs/request', yardstick: parts.name, rounds: measured },
    target: { of: 'ratio', atMost: 1.2 },
  })
}

async function uploads(path: string, parts: { hub: Server; proxy: Server; uploader: Child }): Promise<Figure> {
  const throughput = async (server: Server) => {
    const order: Uploads = { url: `${server.url}${path}`, bytes: uploadBytes, count: uploadsARound }
    const seconds = await parts.uploader.ask<number>(order)
    return (uploadsARound * uploadBytes) / 1e6 / seconds
  }
  const measured = await inTurns({
    ...{ rounds: uploadRounds, warmUps },
    measure: () => throughput(parts.hub),
    compare: () => throughput(parts.proxy),
  })
  return figure({
    ...{ name: 'gateway upload of 10 MB', unit: 'MB/s', yardstick: 'http-proxy', rounds: measured },
    target: { of: 'ratio', atLeast: 0.9 },
  })
}
