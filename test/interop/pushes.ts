import type { Fields } from '../../src/sandbox/sandbox.js'

/** What users and WeChat send, by a name for people. */
export const pushes: Readonly<Record<string, Fields>> = {
  text: { MsgType: 'text', Content: 'hello' },
  'Chinese, emoji and line breaks': { MsgType: 'text', Content: '你好，世界\n𠮷野家 👩‍👩‍👧 😀' },
  'markup and the end of a CDATA section': { MsgType: 'text', Content: 'a ]]> b <b>&amp;</b> "c" ]]]]>> \'d\'' },
  'digits that are no number': { MsgType: 'text', Content: '007' },
  'an id beyond 2^53': { MsgType: 'text', Content: 'id', MsgId: '23456789012345678' },
  image: { MsgType: 'image', PicUrl: 'http://mmbiz.qpic.cn/a?b=1&c=2', MediaId: 'media-1_x' },
  voice: { MsgType: 'voice', MediaId: 'media-2', Format: 'amr', Recognition: '讲话。' },
  video: { MsgType: 'video', MediaId: 'media-3', ThumbMediaId: 'thumb-3' },
  location: {
    MsgType: 'location',
    Location_X: '23.137466',
    Location_Y: '113.352425',
    Scale: '20',
    Label: '广州市 <1>',
  },
  link: { MsgType: 'link', Title: '标题', Description: 'A & B', Url: 'http://example.com/?a=1&b=2' },
  subscribe: { MsgType: 'event', Event: 'subscribe', EventKey: '' },
  'subscribe by a QR code': { MsgType: 'event', Event: 'subscribe', EventKey: 'qrscene_123', Ticket: 'ticket-1' },
  SCAN: { MsgType: 'event', Event: 'SCAN', EventKey: '4294967296', Ticket: 'ticket-2' },
  CLICK: { MsgType: 'event', Event: 'CLICK', EventKey: 'menu 一' },
  LOCATION: { MsgType: 'event', Event: 'LOCATION', Latitude: '23.1', Longitude: '113.3', Precision: '119.385' },
  'fields in fields': {
    MsgType: 'event',
    Event: 'scancode_push',
    EventKey: 'scan',
    ScanCodeInfo: { ScanType: 'qrcode', ScanResult: 'https://example.com/?q=]]>' },
  },
}
