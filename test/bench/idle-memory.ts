import { setTimeout as wait } from 'node:timers/promises'
import { makeKey } from '../../src/access/key.js'
import type { Build } from './build.js'
import { Child, type Program } from './child.js'
import { type Figure, figure } from './figure.js'
import { bareKoa, bareNode, hubOfAccount, hubWithoutConfiguration } from './programs.js'
import { Server, type ServerProgram } from './server.js'

const rounds = 3
const idleFor = 3_000
const target = { of: 'measured', atMost: 90 } as const

/** Resident memory of servers that nobody asks anything, 3 s after their start. */
export async function idleMemory(build: Build): Promise<Figure[]> {
  const measured: Sizes[] = []
  for (let round = 0; round < rounds; round++) measured.push(await sizes(build))
  const compare = (name: string, of: keyof Sizes, yardstick: string, to: keyof Sizes) => ({
    name: `idle RSS, ${name}`,
    unit: 'MB' as const,
    yardstick,
    rounds: measured.map((size) => ({ measured: size[of], compared: size[to] })),
  })
  return [
    figure({ ...compare('zero configuration', 'unconfigured', 'bare Koa', 'koa'), target }),
    figure({ ...compare('own account', 'configured', 'bare Koa', 'koa'), target }),
    figure(compare('own account', 'configured', 'bare Node', 'node')),
    figure(compare('bare Koa', 'koa', 'bare Node', 'node')),
  ]
}

type Sizes = Readonly<Record<'unconfigured' | 'configured' | 'koa' | 'node', number>>

/** In MB of 1,000,000 bytes. All wait at the same time: nobody's memory depends on that. */
async function sizes(build: Build): Promise<Sizes> {
  const [unconfigured, configured, koa, node] = await Promise.all([
    sizeOf(await hubWithoutConfiguration(build)),
    sizeOf(hubOfAccount(build, { key: makeKey() })),
    sizeOf(bareKoa(build)),
    sizeOf(bareNode(build)),
  ])
  return { unconfigured, configured, koa, node }
}

async function sizeOf(program: Program | ServerProgram): Promise<number> {
  const child = 'path' in program ? (await Server.start(program)).child : new Child(program)
  try {
    await child.orEnd(wait(idleFor))
    return child.residentBytes / 1e6
  } finally {
    await child.stop()
  }
}
