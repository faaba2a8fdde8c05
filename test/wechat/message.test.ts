import { describe, expect, it } from 'vitest'
import { readJsonFields } from '../../src/wechat/json-fields.js'
import { readMessage } from '../../src/wechat/message.js'
import { type Fields, readXml } from '../../src/wechat/xml.js'
import { parsingVectors, valueAt } from '../support/message-vectors.js'

const common = { ToUserName: 'gh_1', FromUserName: 'o1', CreateTime: '1714112445' }

function event(name: string, fields: Fields = {}): Fields {
  return { ...common, MsgType: 'event', Event: name, ...fields }
}

describe('the vectors', () => {
  /** Where a message has what the vectors name by the form in which it was sent. */
  function normal(path: string): string {
    return path
      .replace(/^SubscribeMsg\w+\.List\./, 'List[0].')
      .replace(/^SubscribeMsg\w+\./, '')
      .replace(/^List\./, 'List[0].')
      .replace('MsgID', 'MsgId')
  }

  it('are all here', () => {
    expect(parsingVectors().length).toBe(19)
  })

  it.each(parsingVectors())('$id is read', ({ id, format, input, output }) => {
    const fields = format === 'json' ? readJsonFields(input.raw) : readXml(input.raw)
    const message = readMessage(fields ?? {})
    for (const [path, value] of Object.entries(output.fields)) {
      expect(valueAt(fields, path), path).toBe(value)
      // What the ticket of a third-party platform comes in is no message of an account.
      if (id !== 'component-verify-ticket') expect(valueAt(message, normal(path)), path).toBe(value)
    }
    expect(message === undefined).toBe(id === 'component-verify-ticket')
  })
})

describe('a message', () => {
  it('is what the fields say', () => {
    const fields = { ...common, MsgType: 'text', Content: 'hi', MsgId: '4561255354251345929', AgentID: '218' }
    expect(readMessage(fields)).toEqual(fields)
  })

  it.each(['ToUserName', 'FromUserName', 'CreateTime', 'MsgType'])(
    'is none without %s, or with one that is no text',
    (name) => {
      const fields = { ...common, MsgType: 'text', Content: 'hi' }
      const { [name]: _left, ...rest }: Fields = fields
      expect(readMessage(rest)).toBe(undefined)
      for (const wrong of [[], ['a', 'b'], {}, { a: 'b' }])
        expect(readMessage({ ...fields, [name]: wrong })).toBe(undefined)
      expect(readMessage({ ...fields, [name]: '' })).toEqual({ ...fields, [name]: '' })
    },
  )

  it('of an unknown type or event passes with all its fields', () => {
    const deep = { Card: { CardId: 'p1', List: [{ a: '1' }, 'x'] }, List: { b: '2' }, PicList: '', item: 'y' }
    const message = { ...common, MsgType: 'hologram', ...deep }
    expect(readMessage(message)).toEqual(message)
    expect(readMessage(event('card_pass_check', deep))).toEqual(event('card_pass_check', deep))
  })

  it('may be an event whose name is missing, empty, no text or that of a property of every object', () => {
    for (const fields of [{}, { Event: '' }, { Event: { a: 'b' } }, { Event: ['a', 'b'] }, { Event: 'constructor' }]) {
      const message = { ...common, MsgType: 'event', ...fields, List: { a: 'b' } }
      expect(readMessage(message)).toEqual(message)
    }
  })

  it('may have fields named as properties of every object are', () => {
    const odd = { constructor: 'a', toString: 'b', hasOwnProperty: 'c', valueOf: { MsgID: '1', constructor: 'd' } }
    const read = readMessage({ ...common, MsgType: 'text', ...odd })
    expect(read).toEqual({ ...common, MsgType: 'text', ...odd, valueOf: { MsgId: '1', constructor: 'd' } })
    expect(readMessage({ constructor: 'a', toString: 'b' })).toBe(undefined)
  })

  it('takes a field called __proto__ for a field', () => {
    const fields = readJsonFields(
      '{"__proto__": {"ToUserName":"a","FromUserName":"b","CreateTime":"1","MsgType":"text"}, "MsgID": 1}',
    )
    expect(readMessage(fields ?? {})).toBe(undefined)
    const whole = readJsonFields(
      '{"ToUserName":"a","FromUserName":"b","CreateTime":"1","MsgType":"text","MsgID":1,"__proto__":{"polluted":"yes"}}',
    )
    const message = readMessage(whole ?? {})
    expect(message?.['polluted']).toBe(undefined)
    expect(Object.getOwnPropertyDescriptor(message, '__proto__')?.value).toEqual({ polluted: 'yes' })
    expect(Object.keys({})).toEqual([])
  })

  it('leaves the fields that it was read from as they were', () => {
    const fields = event('subscribe_msg_sent_event', { MsgID: '1', SubscribeMsgSentEvent: { List: { MsgID: '2' } } })
    const before = structuredClone(fields)
    readMessage(fields)
    expect(fields).toEqual(before)
  })
})

describe('MsgID', () => {
  it('is read as MsgId, in its place and at any depth', () => {
    const read = readMessage({
      MsgID: '1',
      ...common,
      MsgType: 'voice',
      a: { MsgID: '2', b: [{ MsgID: '3' }, 'MsgID'] },
    })
    expect(JSON.stringify(read)).toBe(
      JSON.stringify({ MsgId: '1', ...common, MsgType: 'voice', a: { MsgId: '2', b: [{ MsgId: '3' }, 'MsgID'] } }),
    )
  })

  it('stays beside a MsgId', () => {
    const both = { ...common, MsgType: 'text', MsgID: '1', MsgId: '2', a: { MsgId: '3', MsgID: '4' } }
    expect(readMessage(both)).toEqual(both)
  })

  it('is renamed wherever there is no MsgId beside it', () => {
    const read = readMessage({ ...common, MsgType: 'text', MsgId: '2', a: { MsgID: '4' } })
    expect(read).toEqual({ ...common, MsgType: 'text', MsgId: '2', a: { MsgId: '4' } })
  })

  it('may hold anything', () => {
    const read = readMessage({ ...common, MsgType: 'text', MsgID: ['1', { MsgID: '2' }] })
    expect(read?.['MsgId']).toEqual(['1', { MsgId: '2' }])
  })
})

describe.each([
  ['subscribe_msg_popup_event', 'SubscribeMsgPopupEvent'],
  ['subscribe_msg_change_event', 'SubscribeMsgChangeEvent'],
  ['subscribe_msg_sent_event', 'SubscribeMsgSentEvent'],
])('%s', (name, wrapper) => {
  const one = { TemplateId: 'T1', MsgID: '1700827132819554304' }
  const other = { TemplateId: 'T2', Extra: { a: 'b' } }
  const oneRead = { TemplateId: 'T1', MsgId: '1700827132819554304' }

  const forms: [string, Fields, readonly Fields[]][] = [
    ['one template in XML', { [wrapper]: { List: one } }, [oneRead]],
    ['several templates in XML', { [wrapper]: { List: [one, other] } }, [oneRead, other]],
    ['one template in JSON', { List: one }, [oneRead]],
    ['several templates in JSON', { List: [one, other] }, [oneRead, other]],
    ['an empty wrapper', { [wrapper]: '' }, []],
    ['a wrapper of white space', { [wrapper]: '\n' }, []],
    ['an empty List in the wrapper', { [wrapper]: { List: '' } }, []],
    ['empty Lists in the wrapper', { [wrapper]: { List: ['', one, ''] } }, [oneRead]],
    ['an empty List', { List: '' }, []],
    ['an empty list', { List: [] }, []],
    ['neither', {}, []],
    ['several wrappers', { [wrapper]: [{ List: one }, '', { List: other }] }, [oneRead, other]],
    ['both', { List: one, [wrapper]: { List: other } }, [oneRead, other]],
    ['lists in a list', { List: [[one], other] }, [other]],
  ]

  it.each(forms)('has a list and no wrapper, read from %s', (_form, fields, list) => {
    expect(readMessage(event(name, { ...fields, AppId: 'wx1' }))).toEqual(event(name, { AppId: 'wx1', List: list }))
  })

  it('leaves the wrapper of another event', () => {
    const other = wrapper === 'SubscribeMsgSentEvent' ? 'SubscribeMsgPopupEvent' : 'SubscribeMsgSentEvent'
    const read = readMessage(event(name, { [other]: { List: { a: 'b' } }, List: [] }))
    expect(read).toEqual(event(name, { [other]: { List: { a: 'b' } }, List: [] }))
  })
})

describe.each([
  ['pic_sysphoto', 'SendPicsInfo', 'PicList'],
  ['pic_photo_or_album', 'SendPicsInfo', 'PicList'],
  ['pic_weixin', 'SendPicsInfo', 'PicList'],
  ['MASSSENDJOBFINISH', 'CopyrightCheckResult', 'ResultList'],
])('%s', (name, outer, inner) => {
  const one = { PicMd5Sum: 'a' }
  const other = { PicMd5Sum: 'b' }

  const forms: [string, Fields[string], Fields][] = [
    ['one', { Count: '1', [inner]: { item: one } }, { Count: '1', [inner]: { item: [one] } }],
    ['several', { Count: '2', [inner]: { item: [one, other] } }, { Count: '2', [inner]: { item: [one, other] } }],
    ['none', { Count: '0', [inner]: '' }, { Count: '0', [inner]: { item: [] } }],
    ['white space', { Count: '0', [inner]: '\n' }, { Count: '0', [inner]: { item: [] } }],
    ['an empty item', { Count: '0', [inner]: { item: '' } }, { Count: '0', [inner]: { item: [] } }],
    ['some that are empty', { [inner]: { item: ['', one, ''] } }, { [inner]: { item: [one] } }],
    ['no holder', { Count: '0' }, { Count: '0', [inner]: { item: [] } }],
    ['nothing', '', { [inner]: { item: [] } }],
    ['a list in JSON', { Count: '2', [inner]: [one, other] }, { Count: '2', [inner]: { item: [one, other] } }],
    ['one with more beside it', { [inner]: { item: one, x: 'y' } }, { [inner]: { item: [one], x: 'y' } }],
  ]

  it.each(forms)('has a list of items, read from %s', (_form, value, expected) => {
    expect(readMessage(event(name, { [outer]: value }))).toEqual(event(name, { [outer]: expected }))
  })

  it(`may have no ${outer}`, () => {
    expect(readMessage(event(name, { Status: 'send success' }))).toEqual(event(name, { Status: 'send success' }))
  })

  it(`keeps ${outer} if there are several, which WeChat never sends`, () => {
    const several = event(name, { [outer]: [{ a: 'b' }, { c: 'd' }] })
    expect(readMessage(several)).toEqual(several)
  })
})

it('reads the same from XML and from JSON', () => {
  const xml = readXml(
    '<xml><ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>' +
      '<Event>subscribe_msg_sent_event</Event><SubscribeMsgSentEvent><List><TemplateId>T</TemplateId>' +
      '<MsgID>1700827132819554304</MsgID><ErrorCode>0</ErrorCode></List></SubscribeMsgSentEvent></xml>',
  )
  const json = readJsonFields(
    '{"ToUserName":"gh_1","FromUserName":"o1","CreateTime":1,"MsgType":"event","Event":"subscribe_msg_sent_event",' +
      '"List":{"TemplateId":"T","MsgID":1700827132819554304,"ErrorCode":0}}',
  )
  expect(readMessage(xml ?? {})).toEqual(readMessage(json ?? {}))
  expect(valueAt(readMessage(xml ?? {}), 'List[0].MsgId')).toBe('1700827132819554304')
})

it('reads an event of pictures whose list is empty', () => {
  const fields = readXml(
    '<xml><ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>' +
      '<Event>pic_weixin</Event><EventKey>k</EventKey><SendPicsInfo><Count>0</Count>\n<PicList></PicList>\n</SendPicsInfo></xml>',
  )
  const message = readMessage(fields ?? {})
  expect(message?.MsgType === 'event' && message.Event === 'pic_weixin' && message.SendPicsInfo.PicList.item).toEqual(
    [],
  )
})
