import { createHash } from 'node:crypto'
import type { Message } from '../wechat/message.js'
import { isListed } from './push-type.js'

/** Events whose fields PROTOCOL 2.5 has unverified. Of two of them the sender is not the user but WeChat. */
const unverified: ReadonlySet<unknown> = new Set([
  ...['user_info_modified', 'user_authorization_revoke', 'view_miniprogram'],
])

/**
 * What all deliveries of one push have in common, and no other push has: 1 to 128 letters, digits, `.`, `-` and `_`. [MSG, EVENT] A
 * message is known by its sender and MsgId, an event by its sender and CreateTime. One user can cause several events in
 * one second, so whatever else tells events apart counts too: of an event whose fields are not known, everything.
 */
export function identityOf(appID: string, message: Message): string {
  const { FromUserName, CreateTime, MsgType } = message
  const { MsgId, Event, EventKey, List }: Readonly<Record<string, unknown>> = message
  const isMessage = MsgType !== 'event' && typeof MsgId === 'string' && MsgId !== ''
  if (isMessage && /^[\w-]{1,64}$/.test(FromUserName) && /^\d{1,20}$/.test(MsgId)) {
    return `${appID}.${FromUserName}.${MsgId}`
  }
  const marks = isMessage ? [MsgId] : [CreateTime, MsgType, Event, EventKey ?? '', MsgId, List]
  const rest = isMessage || (MsgType === 'event' && isListed(Event) && !unverified.has(Event)) ? [] : [message]
  return createHash('sha256')
    .update(JSON.stringify([appID, FromUserName, ...marks, ...rest]))
    .digest('base64url')
}
