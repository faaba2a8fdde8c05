import { WechatError } from '../../wechat/errors.js'
import { StoreError } from '../store.js'

/** Why a credential cannot be had while Redis is away: another process may be fetching one, and only the last one lives. */
export function asStoreAway(error: unknown): WechatError {
  const problem = error instanceof StoreError ? error.message : 'Redis failed'
  return new WechatError('STORE_AWAY', `the hub cannot look after its credentials: ${problem}`, {
    kind: 'transient',
    hint: 'Look after Redis (REDIS_URL); the hub goes on by itself when it is back.',
    cause: error,
  })
}
