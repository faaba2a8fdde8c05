import { RedisServer } from './redis-server.js'
import { untilAtLast } from './until.js'

const name = 'mymaster'
const quorum = 2

/** A master, its replicas and the three sentinels that replace it when it is down for half a second. */
export class RedisSentinels {
  /** Masters and replicas, in any role. */
  readonly servers: readonly RedisServer[]
  readonly sentinels: readonly RedisServer[]
  #paused: readonly RedisServer[] = []

  private constructor(servers: readonly RedisServer[], sentinels: readonly RedisServer[]) {
    this.servers = servers
    this.sentinels = sentinels
  }

  /** Resolves when a failover could begin. `replicas`: how many. Default 1. */
  static async start({ replicas = 1 }: { readonly replicas?: number } = {}): Promise<RedisSentinels> {
    const master = await RedisServer.start()
    const [followers, sentinels] = await Promise.all([
      startMany(replicas, () => RedisServer.start({ replicaOf: master })),
      startMany(3, () => startSentinel(master)),
    ])
    const started = new RedisSentinels([master, ...followers], sentinels)
    await started.settled()
    return started
  }

  get url(): string {
    return `redis+sentinel://${this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${name}`
  }

  /** Which the sentinels name now. */
  async master(): Promise<RedisServer> {
    const [port] = await this.#named()
    const master = this.servers.find((server) => server.port === port)
    if (master === undefined) throw new Error(`no server has the port ${port} that the sentinels name`)
    return master
  }

  /** All others, a former master too. */
  async replicas(): Promise<RedisServer[]> {
    const master = await this.master()
    return this.servers.filter((server) => server !== master)
  }

  /** Resolves when all servers and sentinels are up and know each other, as a former master does a while after its restart. */
  async settled(): Promise<void> {
    const healthy = async () => {
      const answers = await Promise.all(this.sentinels.map((sentinel) => this.#isReady(sentinel)))
      return answers.every((ready) => ready)
    }
    await untilAtLast(healthy)
  }

  /** Resolves when the replicas that the master has at present hold all that it holds. */
  async replicated(): Promise<void> {
    const [, written, connected] = await roleOf(await this.master())
    const ports = Array.isArray(connected) ? connected.map(([, port]) => Number(port)) : []
    const replicas = this.servers.filter(({ port }) => ports.includes(port))
    await untilAtLast(async () => {
      const roles = await Promise.all(replicas.map(roleOf))
      return roles.every(([, , , , read]) => Number(read) >= Number(written))
    })
  }

  /** From now on no replica gets what is written to the master: a failover loses it, and nothing else. */
  async pauseReplication(): Promise<void> {
    await this.replicated()
    this.#paused = await this.replicas()
    for (const replica of this.#paused) replica.freeze()
    // What lies in a frozen replica's socket would be read when it thaws: no socket, no such rest.
    await (await this.master()).command('CLIENT', 'KILL', 'TYPE', 'replica')
  }

  /**
   * Takes the master away, and resolves with it when all sentinels name another one: after about two seconds. No write is
   * lost but those since `pauseReplication`. `by: 'freeze'`: the former one still believes to be master when it thaws.
   */
  async failOver({ by = 'kill' }: { readonly by?: 'kill' | 'freeze' } = {}): Promise<RedisServer> {
    const former = await this.master()
    if (this.#paused.length === 0) await this.replicated()
    if (by === 'kill') await former.kill()
    else former.freeze()
    for (const replica of this.#paused) replica.thaw()
    this.#paused = []
    await untilAtLast(async () => {
      const [port, ...others] = await this.#named()
      return port !== former.port && others.length === 0 && (await roleOf(await this.master()))[0] === 'master'
    })
    return former
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()))
  }

  /** The ports that the sentinels name: one, unless they disagree. */
  async #named(): Promise<Set<number>> {
    const ask = (sentinel: RedisServer) => sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)
    const addresses = await Promise.all(this.sentinels.map(ask))
    return new Set(addresses.map((address) => (Array.isArray(address) ? Number(address[1]) : 0)))
  }

  async #isReady(sentinel: RedisServer): Promise<boolean> {
    const master = fields(await sentinel.command('SENTINEL', 'MASTER', name))
    const replicas = await sentinel.command('SENTINEL', 'REPLICAS', name)
    const others = await sentinel.command('SENTINEL', 'SENTINELS', name)
    return (
      master['flags'] === 'master' &&
      areHealthy(replicas, this.servers.length - 1, { flags: 'slave', 'master-link-status': 'ok' }) &&
      areHealthy(others, this.sentinels.length - 1, { flags: 'sentinel' })
    )
  }
}

function startMany<Started>(count: number, start: () => Promise<Started>): Promise<Started[]> {
  return Promise.all(Array.from({ length: count }, start))
}

async function startSentinel(master: RedisServer): Promise<RedisServer> {
  const config = [
    `sentinel monitor ${name} 127.0.0.1 ${master.port} ${quorum}`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 2000`,
  ]
  const sentinel = await RedisServer.start({ args: ['--sentinel'], config })
  // How often, in ms, it asks servers of their roles and tells the other sentinels of itself: every 10 and 2 seconds otherwise.
  const periods = ['INFO-PERIOD', '200', 'PUBLISH-PERIOD', '200']
  // By default it first pings a new master when the half second is over, and then takes it for down.
  await sentinel.command('SENTINEL', 'DEBUG', ...periods, 'PING-PERIOD', '250')
  return sentinel
}

/** A master's is `master`, how much it has written and where its replicas are. */
async function roleOf(server: RedisServer): Promise<readonly unknown[]> {
  const role = await server.command('ROLE')
  return Array.isArray(role) ? role : []
}

function areHealthy(list: unknown, count: number, healthy: Readonly<Record<string, string>>): boolean {
  const isHealthy = (item: unknown) => {
    const read = fields(item)
    return Object.entries(healthy).every(([key, value]) => read[key] === value)
  }
  return Array.isArray(list) && list.length === count && list.every(isHealthy)
}

/** A flat list of names and values, as an object. */
function fields(list: unknown): Record<string, string> {
  const texts = Array.isArray(list) ? list.map(String) : []
  return Object.fromEntries(texts.flatMap((key, i) => (i % 2 === 0 ? [[key, texts[i + 1] ?? '']] : [])))
}
