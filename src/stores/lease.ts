import { WechatError } from '../wechat/errors.js'

/** How long a holder that shows no sign of life keeps a lock, in ms. A living holder renews it four times as often. */
export const leaseTime = 6_000
/** How long to wait for a lock, in ms: longer than a dead holder keeps it, shorter than callers are kept waiting. */
export const longestWait = 7_500

export function busy(): WechatError {
  return new WechatError('LOCK_BUSY', 'another process has been refreshing for too long', { kind: 'transient' })
}
