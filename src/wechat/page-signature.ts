import { randomUUID } from 'node:crypto'
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

/** 32 hex digits, 122 bits of them random: as many characters as WeChat takes for a card. */
export function freshNonce(): string {
  return randomUUID().replaceAll('-', '')
}
