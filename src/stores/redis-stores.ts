import type { Clock } from '../wechat/clock.js'
import { RedisConnection, type RedisEvent } from './redis/connection.js'
import { RedisCounts } from './redis/counts.js'
import { RedisCredentials } from './redis/credentials.js'
import { RedisRecords } from './redis/records.js'
import { RedisText } from './redis/text.js'
import { readRedisUrl, whereIs } from './redis/url.js'
import { StoreError } from './store.js'
import type { Stores } from './stores.js'

export type { RedisEvent } from './redis/connection.js'

/** Kinds of records that are never listed: an index of millions of them would cost Redis as much memory as they do. */
const unlisted = /^(?:s|u|once)\//

export interface RedisSettings {
  readonly url: string
  readonly prefix: string
  /** In place of the one in the URL. */
  readonly password?: string | undefined
  readonly sentinelPassword?: string | undefined
}

export interface RedisStoresOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly onEvent: (event: RedisEvent) => void
}

/** The stores of a Redis. */
export interface RedisStores extends Stores {
  readonly records: RedisRecords
  readonly connection: RedisConnection
}

/**
 * The stores of any number of hubs that share a Redis.
 *
 * @throws {StoreError} STORE_AWAY when Redis could not be reached within ten seconds.
 * @throws {TypeError} when the URL is none of a Redis.
 */
export async function openRedisStores(settings: RedisSettings, options: RedisStoresOptions): Promise<RedisStores> {
  const { url, prefix, password, sentinelPassword } = settings
  const address = readRedisUrl(url)
  if (address === undefined) throw new TypeError('"url" must be the URL of a Redis')
  const connection = await RedisConnection.open({
    address: { ...address, password: password ?? address.password, sentinelPassword },
    prefix,
    onEvent: options.onEvent,
  }).catch((error: unknown) => {
    throw new StoreError('STORE_AWAY', `${whereIs(address)} cannot be used: ${reasonOf(error)}`, error)
  })
  const records = new RedisRecords({ connection, clock: options.clock, mayList: (key) => !unlisted.test(key) })
  return {
    connection,
    records,
    credentials: new RedisCredentials(connection),
    text: (name) => new RedisText(connection, name),
    counts: new RedisCounts(connection),
    get failure() {
      return connection.failure
    },
    async close() {
      await records.close()
      await connection.close()
    },
  }
}

/** Redis's own words for why it lets nobody in hold no secret; those of the network neither. */
function reasonOf(error: unknown): string {
  const cause = error instanceof StoreError && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error) || cause.message === '') return 'no connection could be made'
  return isDistrust(cause) ? `${cause.message} (NODE_EXTRA_CA_CERTS names the authority to trust)` : cause.message
}

/** Whether the certificate of Redis was refused. */
function isDistrust(error: Error): boolean {
  return 'code' in error && /CERT|ISSUER|SELF_SIGNED|ALTNAME/.test(String(error.code))
}
