import { setTimeout as pause } from 'node:timers/promises'
import { hubPart, longestSilenceOfPeer } from '../stores/redis/connection.js'
import { type RedisAddress, readRedisUrl } from '../stores/redis/url.js'
import { openRedisStores, type RedisSettings, type RedisStores } from '../stores/redis-stores.js'
import { systemClock } from '../wechat/clock.js'
import { MoveError } from './move-error.js'
import type { Place } from './place.js'
import { keysLike, literally } from './redis-keys.js'

/** How often it is looked whether the others live, in ms. */
const lookGap = 250

/** Whether a text is meant to be the URL of a Redis. */
export function isRedisUrl(text: string): boolean {
  return /^rediss?(?:\+\w+)?:\/\//.test(text)
}

/** @throws {MoveError} when it is none. */
export function redisAddress(url: string): RedisAddress {
  const address = readRedisUrl(url)
  if (address !== undefined) return address
  throw new MoveError(
    'this is no URL of a Redis: give redis://host:6379/0, redis+sentinel://a:26379,b:26379/mymaster or redis+cluster://a:6379,b:6379',
  )
}

/** @throws {MoveError} when the URL is none; {StoreError} STORE_AWAY when it cannot be reached. */
export async function openRedis(settings: RedisSettings, tell: (line: string) => void): Promise<Place> {
  const { url, prefix } = settings
  const address = redisAddress(url)
  const stores = await openRedisStores(settings, {
    clock: systemClock,
    onEvent(event) {
      if (event.type === 'redis-away') tell(`${event.error.message}: ${event.where}`)
      if (event.type === 'redis-clock')
        tell(`This machine's clock and that of ${event.where} differ by ${event.ms} ms.`)
    },
  })
  const keys = (pattern: string) =>
    keysLike(pattern, address.kind === 'cluster', (node, args) => stores.connection.run(node, args))
  const database = address.database === 0 ? '' : `, database ${address.database}`
  return {
    where: `${stores.connection.where}${database}, prefix ${prefix}`,
    stores,
    async accounts() {
      const found = new Set<string>()
      const start = literally(prefix)
      for (const pattern of [`${start}{*}:credential:*`, `${start}{*}:r:*`]) {
        for await (const key of keys(pattern)) {
          const part = key.slice(prefix.length + 1).split('}', 1)[0]
          if (part !== undefined && part !== hubPart) found.add(part)
        }
      }
      return found
    },
    records: (appID, kind) => stores.records.all(appID, kind),
    isInUse: () => anyoneStays(stores),
    close: () => stores.close(),
  }
}

/** Whether another process shows that it lives for longer than one that has ended would seem to. */
async function anyoneStays(stores: RedisStores): Promise<boolean> {
  const until = performance.now() + longestSilenceOfPeer + lookGap
  for (let there = await othersAt(stores); there.length > 0; ) {
    await pause(lookGap)
    const now = await othersAt(stores)
    there = there.filter((name) => now.includes(name))
    if (performance.now() > until) return there.length > 0
  }
  return false
}

async function othersAt({ connection }: RedisStores): Promise<string[]> {
  const start = connection.key(hubPart, 'pulse:')
  const found: string[] = []
  // Of a cluster too: they are all of one part.
  for await (const key of keysLike(`${literally(start)}*`, false, (_node, args) => connection.run(hubPart, args))) {
    if (key !== start + connection.self) found.push(key)
  }
  return found
}
