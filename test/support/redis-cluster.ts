import { RedisServer } from './redis-server.js'
import { untilAtLast } from './until.js'

/** The first and the last slot of each master. */
const slots = [
  [0, 5460],
  [5461, 10_922],
  [10_923, 16_383],
] as const

const config = ['cluster-enabled yes', 'cluster-announce-ip 127.0.0.1', 'cluster-node-timeout 2000']

/** Three masters that share the slots, without replicas: when one is gone, the others refuse, too, after two seconds. */
export class RedisCluster {
  readonly servers: readonly RedisServer[]

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers
  }

  /** Resolves when every member finds the cluster whole. */
  static async start(): Promise<RedisCluster> {
    const servers = await Promise.all(slots.map(() => RedisServer.start({ config })))
    const cluster = new RedisCluster(servers)
    await Promise.all(servers.map((server, i) => assign(server, i)))
    const [first, ...others] = servers
    for (const { port } of others) await first?.command('CLUSTER', 'MEET', '127.0.0.1', String(port))
    await cluster.settled()
    return cluster
  }

  get url(): string {
    return `redis+cluster://${this.servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
  }

  /** Resolves when every member finds the cluster whole, as some seconds after the restart of one. */
  async settled(): Promise<void> {
    await untilAtLast(async () => {
      const infos = await Promise.all(this.servers.map((server) => server.command('CLUSTER', 'INFO')))
      return infos.every((info) => isWhole(String(info)))
    })
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()))
  }
}

async function assign(server: RedisServer, index: number): Promise<void> {
  const [from, to] = slots[index] ?? []
  await server.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
  await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
}

function isWhole(info: string): boolean {
  return ['cluster_state:ok', 'cluster_slots_ok:16384', `cluster_known_nodes:${slots.length}`].every((line) =>
    info.split('\r\n').includes(line),
  )
}
