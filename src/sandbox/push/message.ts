import { createHash } from 'node:crypto'
import type { Fields } from './fields.js'

/** What WeChat would fill in. */
export interface Circumstances {
  readonly appID: string
  /** In ms since the epoch. */
  readonly now: number
  /** The id of an ordinary message; an event has none. */
  readonly nextID: () => string
}

/** The message with all that was not given: an account and a follower that stay the same, the time, `text`, a new id. */
export function completed(given: Fields, { appID, now, nextID }: Circumstances): Fields {
  const message: Fields = {
    ToUserName: `gh_${digest(appID, 'account', 'hex').slice(0, 12)}`,
    FromUserName: `o${digest(appID, 'follower', 'base64url').slice(0, 27)}`,
    CreateTime: Math.floor(now / 1000),
    MsgType: 'text',
    ...structuredClone(given),
  }
  const identified = 'MsgId' in message || 'MsgID' in message || message['MsgType'] === 'event'
  return identified ? message : { ...message, MsgId: nextID() }
}

function digest(appID: string, role: string, encoding: 'hex' | 'base64url'): string {
  return createHash('sha256').update(`${role} of ${appID}`).digest(encoding)
}
