import { randomUUID } from 'node:crypto'
import { RedisConnection, type RedisEvent } from '../../src/stores/redis/connection.js'
import { readRedisUrl } from '../../src/stores/redis/url.js'

const open = new Set<RedisConnection>()

/** What keys of one test begin with. */
export function freshPrefix(): string {
  return `test:${randomUUID()}:`
}

export interface Connected {
  readonly connection: RedisConnection
  /** All that it told, from the start. */
  readonly events: readonly RedisEvent[]
}

/** As a hub connects. `prefix`: default a fresh one. */
export async function connectTo(url: string, prefix = freshPrefix()): Promise<Connected> {
  const address = readRedisUrl(url)
  if (address === undefined) throw new Error(`no URL of a Redis: ${url}`)
  const events: RedisEvent[] = []
  const connection = await RedisConnection.open({ address, prefix, onEvent: (event) => events.push(event) })
  open.add(connection)
  return { connection, events }
}

/** Closes all that `connectTo` opened. */
export async function closeConnections(): Promise<void> {
  await Promise.all([...open].map((connection) => connection.close()))
  open.clear()
}
