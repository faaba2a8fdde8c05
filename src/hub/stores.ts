import type { Config } from '../config.js'
import { logRedis } from '../ops/redis-log.js'
import { logStore } from '../ops/store-log.js'
import { openLocalStores } from '../stores/local-stores.js'
import { openRedisStores } from '../stores/redis-stores.js'
import type { Stores } from '../stores/stores.js'
import type { Basics } from './basics.js'

/** On this machine, or in the Redis that is configured. */
export function openStores({ dataDir, redis }: Config, { clock, log }: Pick<Basics, 'clock' | 'log'>): Promise<Stores> {
  if (redis.url === '') return openLocalStores(dataDir, { clock, onEvent: (event) => logStore(log, event) })
  return openRedisStores(redis, { clock, onEvent: (event) => logRedis(log, event) })
}
