import { isIPv6 } from 'node:net'

/** Where a Redis is, and who asks it. */
export interface RedisAddress {
  /** `sentinel`: the nodes are sentinels, which know where the master is. `cluster`: some nodes of the cluster. */
  readonly kind: 'single' | 'sentinel' | 'cluster'
  readonly nodes: readonly RedisNode[]
  /** What the sentinels call the master. */
  readonly master: string
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  /** Of the sentinels. */
  readonly sentinelPassword?: string | undefined
  /** Of a cluster always 0. */
  readonly database: number
}

export interface RedisNode {
  readonly host: string
  readonly port: number
}

const defaultPorts = { single: 6379, sentinel: 26379, cluster: 6379 } as const

const form =
  /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^@/?#]+)(?:\/([\w.-]+))?(?:\/(\d{1,5}))?\/?$/

/**
 * Reads `redis://host:6379/0`, `redis+sentinel://a:26379,b:26379/mymaster/0` or `redis+cluster://a:6379,b:6379`; with `rediss` in
 * place of `redis` over TLS; with `user:password@` (percent-encoded) before the hosts. Undefined: it is none of these.
 */
export function readRedisUrl(url: string): RedisAddress | undefined {
  const [, secure, scheme, user, pass, hosts = '', first, second] = form.exec(url) ?? []
  const kind = scheme === 'sentinel' || scheme === 'cluster' ? scheme : 'single'
  const nodes = hosts.split(',').map((host) => nodeIn(host, defaultPorts[kind]))
  const master = kind === 'sentinel' ? first : ''
  const database = (kind === 'sentinel' ? second : first) ?? '0'
  if (master === undefined || !/^\d{1,5}$/.test(database) || (kind !== 'sentinel' && second !== undefined))
    return undefined
  if ((kind === 'cluster' && database !== '0') || (kind === 'single' && nodes.length > 1)) return undefined
  const [username, password] = [decoded(user), decoded(pass)]
  if (!nodes.every((node) => node !== undefined) || username === false || password === false) return undefined
  return { kind, nodes, master, tls: secure === 's', username, password, database: Number(database) }
}

/** Where it is, for people: without user and password. */
export function whereIs({ kind, nodes, master }: RedisAddress): string {
  const hosts = nodes.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(', ')
  if (kind === 'sentinel') return `the Redis master "${master}" of the sentinels ${hosts}`
  return kind === 'cluster' ? `the Redis Cluster at ${hosts}` : `the Redis at ${hosts}`
}

function nodeIn(text: string, defaultPort: number): RedisNode | undefined {
  const [, six, name, port = String(defaultPort)] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = six ?? name
  if (six !== undefined && !isIPv6(six)) return undefined
  return host === undefined || Number(port) < 1 || Number(port) > 65_535 ? undefined : { host, port: Number(port) }
}

/** False: it is no percent-encoded text. */
function decoded(text: string | undefined): string | undefined | false {
  if (text === undefined || text === '') return undefined
  try {
    return decodeURIComponent(text)
  } catch {
    return false
  }
}
