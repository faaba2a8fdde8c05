import { serve } from './child-serve.js'
import { RedisServer } from './redis-server.js'

const commands = {
  async start(): Promise<StartedRedis> {
    const { pid, folder } = await RedisServer.start()
    return { pid, folder }
  },
}

export interface StartedRedis {
  readonly pid: number
  readonly folder: string
}

export type RedisCommands = typeof commands

serve(commands)
