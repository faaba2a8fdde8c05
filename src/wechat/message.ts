import type {
  ClickEvent,
  EnterTempSessionEvent,
  LocationEvent,
  LocationSelectEvent,
  MassSentEvent,
  PictureEvent,
  ScanCodeEvent,
  ScanEvent,
  SubscribeEvent,
  SubscribeMsgChangeEvent,
  SubscribeMsgPopupEvent,
  SubscribeMsgSentEvent,
  TemplateSentEvent,
  UnlistedEvent,
  UnsubscribeEvent,
  UserInfoEvent,
  ViewEvent,
  ViewMiniProgramEvent,
} from './event-types.js'
import type {
  ImageMessage,
  LinkMessage,
  LocationMessage,
  MiniProgramPageMessage,
  TextMessage,
  UnlistedMessage,
  VideoMessage,
  VoiceMessage,
} from './message-types.js'
import { type Fields, isList, type Value } from './xml.js'

/**
 * A message or an event that WeChat pushed, told apart by `MsgType` and, of an event, by `Event`. One of another type is
 * an `UnlistedMessage` or an `UnlistedEvent`.
 *
 * @example
 * if (message.MsgType === 'text') answer(message.Content)
 * else if (message.MsgType === 'event' && message.Event === 'subscribe') greet(message.FromUserName)
 */
export type Message =
  | TextMessage
  | ImageMessage
  | VoiceMessage
  | VideoMessage
  | LocationMessage
  | LinkMessage
  | MiniProgramPageMessage
  | UnlistedMessage
  | EventMessage

export type EventMessage =
  | SubscribeEvent
  | UnsubscribeEvent
  | ScanEvent
  | LocationEvent
  | ClickEvent
  | ViewEvent
  | ScanCodeEvent
  | PictureEvent
  | LocationSelectEvent
  | ViewMiniProgramEvent
  | TemplateSentEvent
  | MassSentEvent
  | SubscribeMsgPopupEvent
  | SubscribeMsgChangeEvent
  | SubscribeMsgSentEvent
  | UserInfoEvent
  | EnterTempSessionEvent
  | UnlistedEvent

/** [SDK-WXJAVA] In XML a `List` for each template stands in a wrapper; JSON has no wrapper, and one template bare. */
const wrappers = new Map([
  ['subscribe_msg_popup_event', 'SubscribeMsgPopupEvent'],
  ['subscribe_msg_change_event', 'SubscribeMsgChangeEvent'],
  ['subscribe_msg_sent_event', 'SubscribeMsgSentEvent'],
])

/** Where an event has elements called `item`: a field, and the field in it that holds them. */
const itemLists = new Map([
  ['pic_sysphoto', ['SendPicsInfo', 'PicList'] as const],
  ['pic_photo_or_album', ['SendPicsInfo', 'PicList'] as const],
  ['pic_weixin', ['SendPicsInfo', 'PicList'] as const],
  ['MASSSENDJOBFINISH', ['CopyrightCheckResult', 'ResultList'] as const],
])

/**
 * The message in these fields; `undefined` if `ToUserName`, `FromUserName`, `CreateTime` or `MsgType`, which every message
 * has, is missing or no text. What else WeChat documents of its type is not checked.
 *
 * The same message has the same form, however it was sent:
 * - `MsgID`, at any depth, is called `MsgId`, unless there is one beside it;
 * - the three `subscribe_msg_…` events have a `List` at the top, always a list, and no wrapper around it;
 * - `item` in `SendPicsInfo.PicList` and in `CopyrightCheckResult.ResultList` is always a list.
 */
export function readMessage(fields: Fields): Message | undefined {
  const renamed = hasMsgID(fields) ? withMsgId(fields) : fields
  const message = renamed['MsgType'] === 'event' ? withLists(renamed) : renamed
  return isMessage(message) ? message : undefined
}

function isMessage(fields: Fields): fields is Message {
  const { ToUserName, FromUserName, CreateTime, MsgType } = fields
  return [ToUserName, FromUserName, CreateTime, MsgType].every((value) => typeof value === 'string')
}

/** Most messages have none, and are kept as they are. */
function hasMsgID(fields: Fields): boolean {
  return Object.hasOwn(fields, 'MsgID') || Object.values(fields).some(hasMsgIDInside)
}

function hasMsgIDInside(value: Value): boolean {
  if (typeof value === 'string') return false
  return isList(value) ? value.some(hasMsgIDInside) : hasMsgID(value)
}

function withMsgId(fields: Fields): Fields {
  const both = Object.hasOwn(fields, 'MsgId')
  const entries = Object.entries(fields)
  return Object.fromEntries(
    entries.map(([name, value]) => [name === 'MsgID' && !both ? 'MsgId' : name, withMsgIdInside(value)]),
  )
}

function withMsgIdInside(value: Value): Value {
  if (typeof value === 'string') return value
  return isList(value) ? value.map(withMsgIdInside) : withMsgId(value)
}

function withLists(event: Fields): Fields {
  const { Event: name } = event
  if (typeof name !== 'string') return event
  const wrapper = wrappers.get(name)
  if (wrapper !== undefined) return unwrapped(event, wrapper)
  const [outer, inner] = itemLists.get(name) ?? []
  const held = outer === undefined ? undefined : event[outer]
  if (outer === undefined || inner === undefined || held === undefined || isList(held)) return event
  const holder = fieldsOf(held)
  return { ...event, [outer]: { ...holder, [inner]: withItems(holder[inner]) } }
}

function unwrapped(event: Fields, wrapper: string): Fields {
  const { [wrapper]: wrapped, List: bare, ...rest } = event
  return { ...rest, List: [...elementsOf(bare), ...elementsOf(wrapped).flatMap(({ List }) => elementsOf(List))] }
}

function withItems(value: Value | undefined): Fields {
  if (value !== undefined && isList(value)) return { item: elementsOf(value) }
  const fields = fieldsOf(value)
  return { ...fields, item: elementsOf(fields['item']) }
}

/** One element or several. An empty one reads as a text, and is none. */
function elementsOf(value: Value | undefined): readonly Fields[] {
  const several = value !== undefined && isList(value) ? value : [value]
  return several.filter((one): one is Fields => typeof one === 'object' && !isList(one))
}

function fieldsOf(value: Value | undefined): Fields {
  return typeof value === 'object' && !isList(value) ? value : {}
}
