import { describe, expect, it } from 'vitest'
import { customMessage } from '../../src/wechat/customer-service.js'
import { type Reply, reply } from '../../src/wechat/reply.js'

const article = { title: 'T', description: 'D', url: 'https://u', picurl: 'https://p' }

describe('a reply sent by customer service', () => {
  const forms: [string, Reply, unknown][] = [
    ['text', reply.text('hi 😀'), { content: 'hi 😀' }],
    ['image', reply.image('m1'), { media_id: 'm1' }],
    ['voice', reply.voice('m1'), { media_id: 'm1' }],
    ['video', reply.video('m1', { title: 'T', description: 'D' }), { media_id: 'm1', title: 'T', description: 'D' }],
    ['video', reply.video('m1'), { media_id: 'm1' }],
    [
      'music',
      reply.music({ title: 'T', description: 'D', musicUrl: 'https://m', hqMusicUrl: 'https://h', thumbMediaId: 't1' }),
      { title: 'T', description: 'D', musicurl: 'https://m', hqmusicurl: 'https://h', thumb_media_id: 't1' },
    ],
    ['music', reply.music({ thumbMediaId: 't1' }), { thumb_media_id: 't1' }],
    [
      'news',
      reply.news([{ title: 'T', description: 'D', picUrl: 'https://p', url: 'https://u' }]),
      { articles: [article] },
    ],
    ['news', reply.news([{ title: 'T' }]), { articles: [{ title: 'T' }] }],
  ]

  it.each(forms)('has the form of that call: %s', (msgtype, from, content) => {
    expect(customMessage(from, 'o1')).toStrictEqual({ touser: 'o1', msgtype, [msgtype]: content })
  })

  it('has the first of several articles, since that call refuses more', () => {
    const news = reply.news([{ title: 'A' }, { title: 'B' }])
    expect(customMessage(news, 'o1')).toStrictEqual({
      touser: 'o1',
      msgtype: 'news',
      news: { articles: [{ title: 'A' }] },
    })
  })

  it('is none when it hands the conversation over', () => {
    expect(customMessage(reply.transferCustomerService(), 'o1')).toBe(undefined)
    expect(customMessage(reply.transferCustomerService('a@b'), 'o1')).toBe(undefined)
  })
})
