import { randomFillSync } from 'node:crypto'
import type { Clock } from './clock.js'
import { jssdkSignature } from './signature.js'

/** What `wx.config` needs of the server [JSSDK]. */
export interface PageSignature {
  readonly appId: string
  /** In seconds since the epoch. */
  readonly timestamp: number
  readonly nonceStr: string
  readonly signature: string
}

/** Signs a page's URL, up to its first `#`, exactly as it is given. */
export function signPage(appId: string, ticket: string, url: string, clock: Clock): PageSignature {
  const timestamp = Math.floor(clock.now() / 1000)
  const nonceStr = freshNonce()
  return { appId, timestamp, nonceStr, signature: jssdkSignature(ticket, nonceStr, timestamp, url) }
}

const nonceBytes = 16
/** Random bytes that no nonce was made of yet are behind `used`: to ask for many at once costs a tenth. */
const random = Buffer.alloc(256 * nonceBytes)
let used = random.length

/** 32 hex digits, 128 random bits: as many characters as WeChat takes for a card. */
export function freshNonce(): string {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  used += nonceBytes
  return random.toString('hex', used - nonceBytes, used)
}
