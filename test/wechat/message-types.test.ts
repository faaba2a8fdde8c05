import { describe, expect, expectTypeOf, it } from 'vitest'
import type {
  EnterTempSessionEvent,
  PictureEvent,
  ScanCodeEvent,
  SubscribeEvent,
  SubscribeMsgSent,
  SubscribeMsgSentEvent,
  UnlistedEvent,
} from '../../src/wechat/event-types.js'
import { type EventMessage, type Message, readMessage } from '../../src/wechat/message.js'
import type { TextMessage, UnlistedMessage, VideoMessage, VoiceMessage } from '../../src/wechat/message-types.js'
import type { Fields, Value } from '../../src/wechat/xml.js'

/** What the compiler makes of a message (`npm run check`), and that it runs. */
function messageOf(fields: Fields): Message {
  const message = readMessage({
    ToUserName: 'gh_1',
    FromUserName: 'o1',
    CreateTime: '1714112445',
    MsgType: '',
    ...fields,
  })
  if (message === undefined) throw new Error('no message')
  return message
}

describe('the type of a message', () => {
  it('is narrowed by a comparison of MsgType', () => {
    const message = messageOf({ MsgType: 'text', Content: 'hi' })
    if (message.MsgType === 'text') {
      expectTypeOf(message).toEqualTypeOf<TextMessage>()
      expectTypeOf(message.Content).toEqualTypeOf<string>()
      expectTypeOf(message.MsgDataId).toEqualTypeOf<string | undefined>()
    } else {
      expectTypeOf(message).toEqualTypeOf<Exclude<Message, TextMessage>>()
    }
    expect(message.MsgType === 'text' && message.Content).toBe('hi')
  })

  it('is narrowed by a comparison of Event', () => {
    const message = messageOf({ MsgType: 'event', Event: 'subscribe', EventKey: 'qrscene_1' })
    if (message.MsgType === 'event' && message.Event === 'subscribe') {
      expectTypeOf(message).toEqualTypeOf<SubscribeEvent>()
      expectTypeOf(message.EventKey).toEqualTypeOf<string | undefined>()
    }
    if (message.MsgType === 'event') expectTypeOf(message).toEqualTypeOf<EventMessage>()
    if (message.MsgType !== 'event') expectTypeOf(message).toEqualTypeOf<Exclude<Message, EventMessage>>()
    expect(message.MsgType === 'event' && message.Event === 'subscribe' && message.EventKey).toBe('qrscene_1')
  })

  it('is narrowed by a switch', () => {
    const told = [
      { MsgType: 'shortvideo', MediaId: 'm1' },
      { MsgType: 'voice', Recognition: 'r1' },
      { MsgType: 'event', Event: 'scancode_waitmsg', ScanCodeInfo: { ScanResult: 's1' } },
      { MsgType: 'event', Event: 'pic_weixin', SendPicsInfo: { PicList: { item: { PicMd5Sum: 'p1' } } } },
      { MsgType: 'event', Event: 'subscribe_msg_sent_event', List: { MsgID: '1700827132819554304' } },
      { MsgType: 'event', Event: 'user_enter_tempsession', SessionFrom: 'f1' },
      { MsgType: 'event', Event: 'card_pass_check', CardId: 'c1' },
      { MsgType: 'hologram', Depth: 'd1' },
      { MsgType: 'link', Title: 't1' },
    ].map((fields) => tell(messageOf(fields)))
    expect(told).toEqual([
      'm1',
      'r1',
      's1',
      'p1',
      '1700827132819554304',
      'f1',
      'card_pass_check c1',
      'hologram d1',
      'link',
    ])
  })

  function tell(message: Message): Value | undefined {
    switch (message.MsgType) {
      case 'video':
      case 'shortvideo':
        expectTypeOf(message).toEqualTypeOf<VideoMessage>()
        return message.MediaId
      case 'voice':
        expectTypeOf(message).toEqualTypeOf<VoiceMessage>()
        return message.Recognition
      case 'event':
        return tellEvent(message)
      case 'text':
      case 'image':
      case 'location':
      case 'link':
      case 'miniprogrampage':
        return message.MsgType
      default:
        expectTypeOf(message).toEqualTypeOf<UnlistedMessage>()
        return `${message.MsgType} ${message['Depth']}`
    }
  }

  function tellEvent(event: EventMessage): Value | undefined {
    switch (event.Event) {
      case 'scancode_push':
      case 'scancode_waitmsg':
        expectTypeOf(event).toEqualTypeOf<ScanCodeEvent>()
        return event.ScanCodeInfo.ScanResult
      case 'pic_sysphoto':
      case 'pic_photo_or_album':
      case 'pic_weixin':
        expectTypeOf(event).toEqualTypeOf<PictureEvent>()
        return event.SendPicsInfo.PicList.item[0]?.PicMd5Sum
      case 'subscribe_msg_sent_event':
        expectTypeOf(event).toEqualTypeOf<SubscribeMsgSentEvent>()
        expectTypeOf(event.List).toEqualTypeOf<readonly SubscribeMsgSent[]>()
        return event.List[0]?.MsgId
      case 'user_enter_tempsession':
        expectTypeOf(event).toEqualTypeOf<EnterTempSessionEvent>()
        return event.SessionFrom
      case 'subscribe':
      case 'unsubscribe':
      case 'SCAN':
      case 'LOCATION':
      case 'CLICK':
      case 'VIEW':
      case 'location_select':
      case 'view_miniprogram':
      case 'TEMPLATESENDJOBFINISH':
      case 'MASSSENDJOBFINISH':
      case 'subscribe_msg_popup_event':
      case 'subscribe_msg_change_event':
      case 'user_info_modified':
      case 'user_authorization_revoke':
        return event.Event
      default:
        expectTypeOf(event).toEqualTypeOf<UnlistedEvent>()
        return `${event.Event} ${event['CardId']}`
    }
  }

  it('lets every field be read by its name', () => {
    const message = messageOf({ MsgType: 'text', AgentID: '218' })
    expectTypeOf(message['AgentID']).toEqualTypeOf<Value | undefined>()
    if (message.MsgType === 'text') expectTypeOf(message['AgentID']).toEqualTypeOf<Value | undefined>()
    expect(message['AgentID']).toBe('218')
  })

  it('lets the name of a type or event that is not listed be compared as a string', () => {
    const message = messageOf({ MsgType: 'event', Event: 'card_pass_check' })
    expectTypeOf(message.MsgType).toExtend<string>()
    const name: string | undefined = message.MsgType === 'event' ? message.Event : undefined
    expect(name === 'card_pass_check').toBe(true)
    // @ts-expect-error A name that is not listed is a slip of the pen, or has to be compared as a string.
    expect(message.MsgType === 'event' && message.Event === 'subscibe').toBe(false)
  })

  it('is one of fields', () => {
    expectTypeOf<Message>().toExtend<Fields>()
  })

  it('holds texts only, besides the fields inside', () => {
    expectTypeOf<Message['ToUserName']>().toEqualTypeOf<string>()
    expectTypeOf<Message['CreateTime']>().toEqualTypeOf<string>()
    expectTypeOf<TextMessage['MsgId']>().toEqualTypeOf<string>()
  })
})
