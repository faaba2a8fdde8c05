import type { Message } from '../wechat/message.js'

const types: ReadonlySet<string> = new Set([
  ...['text', 'image', 'voice', 'video', 'shortvideo', 'location', 'link', 'miniprogrampage'],
])

const events: ReadonlySet<string> = new Set([
  ...['subscribe', 'unsubscribe', 'SCAN', 'LOCATION', 'CLICK', 'VIEW', 'view_miniprogram', 'user_enter_tempsession'],
  ...['scancode_push', 'scancode_waitmsg', 'pic_sysphoto', 'pic_photo_or_album', 'pic_weixin', 'location_select'],
  ...['TEMPLATESENDJOBFINISH', 'MASSSENDJOBFINISH', 'user_info_modified', 'user_authorization_revoke'],
  ...['subscribe_msg_popup_event', 'subscribe_msg_change_event', 'subscribe_msg_sent_event'],
])

/** Whether PROTOCOL 2.5 knows events of this name. */
export function isListed(event: unknown): boolean {
  return typeof event === 'string' && events.has(event)
}

/** What kind of push it is, for metrics: one of PROTOCOL 2.4 and 2.5, such as `text` and `event subscribe`, or `other`. */
export function pushType({ MsgType, ...rest }: Message): string {
  const { Event }: Readonly<Record<string, unknown>> = rest
  if (MsgType === 'event') return `event ${isListed(Event) ? Event : 'other'}`
  return types.has(MsgType) ? MsgType : 'other'
}
