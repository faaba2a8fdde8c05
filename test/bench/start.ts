import { makeKey } from '../../src/access/key.js'
import type { Build } from './build.js'
import { type Figure, figure } from './figure.js'
import { bareKoa, hubOfAccount, hubWithoutConfiguration } from './programs.js'
import { Server, type ServerProgram } from './server.js'

const rounds = 7

/** From the start of the process to its first answer; each start in a new, empty folder. */
export async function start(build: Build): Promise<Figure[]> {
  const measured = []
  // The first round only warms up.
  for (let round = 0; round <= rounds; round++) {
    const unconfigured = await startOf(await hubWithoutConfiguration(build))
    const bare = await startOf(bareKoa(build))
    const configured = await startOf(hubOfAccount(build, { key: makeKey() }))
    if (round > 0) measured.push({ unconfigured, bare, configured })
  }
  const common = { unit: 'ms', yardstick: 'bare Koa', target: { of: 'measured', atMost: 500 } } as const
  return [
    figure({
      ...common,
      name: 'start, zero configuration',
      rounds: measured.map(({ unconfigured, bare }) => ({ measured: unconfigured, compared: bare })),
    }),
    figure({
      ...common,
      name: 'start, own account',
      rounds: measured.map(({ configured, bare }) => ({ measured: configured, compared: bare })),
    }),
  ]
}

async function startOf(program: ServerProgram): Promise<number> {
  const server = await Server.start(program)
  await server.child.stop()
  return server.startMs
}
