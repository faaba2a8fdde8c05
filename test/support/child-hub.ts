import { loadConfig } from '../../src/config.js'
import { listen } from '../../src/http/server.js'
import { createHub } from '../../src/hub.js'
import { serve, settings } from './child-serve.js'
import { MovableClock, turn } from './movable-clock.js'

/** What the program is started with. */
export interface HubSettings {
  /** With the hub's `config` in it, and its data. */
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** What the wall clock shows at first, in ms since the epoch. */
  readonly wall: number
}

const { folder, env, wall } = settings<HubSettings>()
const clock = new MovableClock(wall)
const hub = await createHub(loadConfig({ cwd: folder, env }), { clock, logDestination: { write: () => undefined } })
const server = await listen(hub.handler, { port: 0, host: '127.0.0.1' })

const commands = {
  port: () => server.port,

  advance: (ms: number) => clock.advance(ms),

  /** Ends the hub. Answers what is still open in this process, beside the way to the parent. */
  async close(): Promise<string[]> {
    await server.drain()
    await hub.close()
    for (let turns = 0; turns < 100; turns += 1) await turn()
    const mine = ['PipeWrap', 'Pipe', 'TTYWrap', 'Immediate']
    return process.getActiveResourcesInfo().filter((name) => !mine.includes(name))
  },
}

export type HubCommands = typeof commands

serve(commands)
