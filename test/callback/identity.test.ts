import { describe, expect, it } from 'vitest'
import { identityOf } from '../../src/callback/identity.js'
import { readMessageText } from '../../src/wechat/push.js'
import { writeXml } from '../../src/wechat/xml.js'
import { shop } from '../support/running-hub.js'

const common = { ToUserName: 'gh_1', FromUserName: 'o1', CreateTime: 1700000000 }

function identity(fields: Parameters<typeof writeXml>[0], appID = shop.appID): string {
  const read = readMessageText(writeXml({ ...common, ...fields }))
  if (read === undefined) throw new Error('the test’s message can not be read')
  return identityOf(appID, read.message)
}

const text = { MsgType: 'text', Content: 'hi', MsgId: '23456789012345678' }
const click = { MsgType: 'event', Event: 'CLICK', EventKey: 'a' }
const sent = { MsgType: 'event', Event: 'TEMPLATESENDJOBFINISH', MsgID: 200163836, Status: 'success' }
const popup = (TemplateId: string, SubscribeStatusString = 'accept') => ({
  MsgType: 'event',
  Event: 'subscribe_msg_popup_event',
  SubscribeMsgPopupEvent: { List: [{ TemplateId, SubscribeStatusString, PopupScene: 0 }] },
})
const card = (UserCardCode: string) => ({ MsgType: 'event', Event: 'user_get_card', CardId: 'p1', UserCardCode })

describe('the identity of a push', () => {
  it('is a safe part of a key', () => {
    expect(identity(text)).toMatch(/^[\w.-]{1,128}$/)
    expect(identity({ ...text, FromUserName: 'a/b' })).toMatch(/^[\w.-]{1,128}$/)
    expect(identity({ ...text, MsgId: '1/2' })).toMatch(/^[\w.-]{1,128}$/)
    expect(identity(click)).toMatch(/^[\w.-]{1,128}$/)
  })

  it.each([
    ['the same message', text, text],
    ['a message dated anew', text, { ...text, CreateTime: 1700000005 }],
    ['the same event', click, click],
    ['an event with an empty key, or without one', { ...click, EventKey: '' }, { MsgType: 'event', Event: 'CLICK' }],
    ['MsgID and MsgId', { MsgType: 'voice', MsgID: '5' }, { MsgType: 'voice', MsgId: '5' }],
    ['the same event that no document lists', card('1'), card('1')],
  ])('is one for %s', (_what, one, other) => {
    expect(identity(one)).toBe(identity(other))
  })

  it('is one for an event in XML and in JSON', () => {
    const List = { TemplateId: 't', SubscribeStatusString: 'accept', PopupScene: '0' }
    const json = JSON.stringify({ ...common, MsgType: 'event', Event: 'subscribe_msg_popup_event', List })
    const read = readMessageText(json)
    expect(read && identityOf(shop.appID, read.message)).toBe(identity(popup('t')))
  })

  it.each([
    ['two people with one MsgId', text, { ...text, FromUserName: 'o2' }],
    ['two people who do the same in one second', click, { ...click, FromUserName: 'o2' }],
    ['the same text twice', text, { ...text, MsgId: '23456789012345679' }],
    ['two events of one second', click, { ...click, Event: 'VIEW' }],
    ['two menu keys of one second', click, { ...click, EventKey: 'b' }],
    ['two seconds', click, { ...click, CreateTime: 1700000001 }],
    ['two templates sent in one second', sent, { ...sent, MsgID: 200163837 }],
    ['two subscriptions of one second', popup('t1'), popup('t2')],
    ['a subscription and its end', popup('t1'), popup('t1', 'reject')],
    ['two cards taken at once', card('1'), card('2')],
    ['a message and an event', text, { ...text, MsgType: 'event', Event: 'CLICK' }],
    ['two messages without an id', { MsgType: 'text', Content: 'a' }, { MsgType: 'text', Content: 'b' }],
    ['an empty MsgId', { ...text, MsgId: '', Content: 'a' }, { ...text, MsgId: '', Content: 'b' }],
  ])('tells %s apart', (_what, one, other) => {
    expect(identity(one)).not.toBe(identity(other))
  })

  it('tells two accounts apart', () => {
    expect(identity(text)).not.toBe(identity(text, 'wxfedcba9876543210'))
    expect(identity(click)).not.toBe(identity(click, 'wxfedcba9876543210'))
  })
})
