import type { Config } from '../config.js'
import { fileStore } from '../stores/file.js'
import { localText } from '../stores/local-stores.js'
import { openRedisStores, type RedisStores } from '../stores/redis-stores.js'
import type { CredentialStore, StoredText } from '../stores/store.js'
import { systemClock } from '../wechat/clock.js'
import type { Terminal } from './terminal.js'

/** Where the hub of a configuration keeps what a command may read and change while the hub runs. */
export interface HubStores {
  readonly credentials: CredentialStore
  text(name: string): StoredText
}

/** Does `work` with the stores of the hub, be they in Redis or in its data folder. @throws {StoreError} STORE_AWAY */
export async function withHubStores<T>(
  config: Config,
  terminal: Terminal,
  work: (stores: HubStores) => Promise<T>,
): Promise<T> {
  if (config.redis.url === '') return work(localStores(config))
  const stores = await openRedis(config, (line) => terminal.tell(line))
  try {
    return await work(stores)
  } finally {
    await stores.close()
  }
}

/** The Redis of the configuration. Close it. @throws {StoreError} STORE_AWAY */
export function openRedis({ redis }: Config, tell: (line: string) => void): Promise<RedisStores> {
  return openRedisStores(redis, {
    clock: systemClock,
    onEvent(event) {
      if (event.type === 'redis-away') tell(`${event.error.message}: ${event.where}`)
    },
  })
}

/** Those in the data folder; beside a hub that may be running. */
export function localStores({ dataDir }: Config): HubStores {
  return { credentials: fileStore(dataDir), text: (name) => localText(dataDir, name) }
}
