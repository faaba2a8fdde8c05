import { describe, expect } from 'vitest'
import { reply } from '../../src/wechat/reply.js'
import { json } from '../support/back-end.js'
import { until } from '../support/until.js'
import { isEmpty, jsonRoute, type Scene, silent, test, xmlRoute } from './with-hub.js'

const allReplies = [
  ['text', reply.text('late 迟到'), { text: { content: 'late 迟到' } }],
  ['image', reply.image('M1'), { image: { media_id: 'M1' } }],
  ['voice', reply.voice('M2'), { voice: { media_id: 'M2' } }],
  ['video', reply.video('M3', { title: 'T' }), { video: { media_id: 'M3', title: 'T' } }],
  [
    'music',
    reply.music({ thumbMediaId: 'M4', musicUrl: 'https://m.example/' }),
    { music: { thumb_media_id: 'M4', musicurl: 'https://m.example/' } },
  ],
  [
    'news',
    reply.news([{ title: 'A', url: 'https://a.example/' }]),
    { news: { articles: [{ title: 'A', url: 'https://a.example/' }] } },
  ],
] as const

/** Sends a push to a back end that needs `ms` for its answer, and moves time to 4.1 s after its arrival. */
async function pushAndWait(scene: Scene, asked: () => Promise<void>) {
  const sent = scene.push({ message: { Content: 'slow' } })
  await asked()
  await scene.clock.advance(4099)
  expect(await sent.ended()).toBe(false)
  await scene.clock.advance(1)
  return sent
}

describe.for([8, 14])('a reply that takes %i s', (seconds) => {
  const ms = seconds * 1000

  test.for(allReplies)(
    'goes by customer service, and WeChat gets success at 4.1 s (%s)',
    async ([msgtype, value, sent], { scene }) => {
      const bot = await scene.backEnd(scene.slow(ms, json(value)))
      await scene.start([jsonRoute(bot.url)])
      const push = await pushAndWait(scene, () => bot.askedTimes(1))
      expect(await push.report).toEqual(silent)
      expect((await push.report).deliveries).toMatchObject([{ ms: 4100, body: 'success' }])
      await scene.clock.advance(ms - 4101)
      expect(await scene.allTold()).toEqual([])
      await scene.clock.advance(1)
      await scene.toldTimes(1)
      // Nor is the back end asked once more when its time would have been over.
      await scene.clock.advance(120_000)
      expect(await scene.allTold()).toMatchObject([{ touser: expect.any(String), msgtype, ...sent }])
      expect(bot.asked).toHaveLength(1)
      const way = 'wechat_hub_late_replies_total{account="shop",way="customer-service"}'
      expect(await scene.metric(way)).toBe(1)
    },
  )
})

describe('a reply that is late', () => {
  test('may be there between 4.1 s and 5 s: it goes by customer service, once', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(4_700, 'just missed'))
    await scene.start([jsonRoute(bot.url)])
    const push = await pushAndWait(scene, () => bot.askedTimes(1))
    expect(await push.report).toEqual(silent)
    await scene.clock.advance(600)
    await scene.toldTimes(1)
    expect(await scene.allTold()).toMatchObject([{ text: { content: 'just missed' } }])
  })

  test('is passive if it is there right before 4.1 s', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(4_099, 'just made it'))
    await scene.start([jsonRoute(bot.url)])
    const push = scene.push()
    await bot.askedTimes(1)
    await scene.clock.advance(4_099)
    expect((await push.report).reply).toMatchObject({ Content: 'just made it' })
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toEqual([])
    expect(bot.asked).toHaveLength(1)
  })

  test('of an XML back end goes by customer service too', async ({ scene }) => {
    const xml = '<xml><MsgType>news</MsgType><Articles><item><Title>N</Title><Url>u</Url></item></Articles></xml>'
    const bot = await scene.backEnd(scene.slow(8_000, xml))
    await scene.start([xmlRoute(bot.url)])
    expect(await (await pushAndWait(scene, () => bot.askedTimes(1))).report).toEqual(silent)
    await scene.clock.advance(3_900)
    await scene.toldTimes(1)
    expect(await scene.allTold()).toMatchObject([{ msgtype: 'news', news: { articles: [{ title: 'N', url: 'u' }] } }])
  })

  test('may be none after all: the user is told nothing, and the back end is not asked again', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(8_000, 'success'))
    await scene.start([jsonRoute(bot.url)])
    expect(await (await pushAndWait(scene, () => bot.askedTimes(1))).report).toEqual(silent)
    expect(await scene.metric('wechat_hub_outbox_depth{account="shop"}')).toBe(1)
    await scene.clock.advance(3_900)
    await until(isEmpty(scene))
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toEqual([])
    expect(bot.asked).toHaveLength(1)
  })

  test('is dropped where the route says so', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(8_000, 'too late'))
    await scene.start([jsonRoute(bot.url, { late: 'drop' })])
    const push = await pushAndWait(scene, () => bot.askedTimes(1))
    expect((await push.report).deliveries).toMatchObject([{ ms: 4100, body: 'success' }])
    await scene.clock.advance(3_900)
    await until(async () => (await scene.metric('wechat_hub_late_replies_total{account="shop",way="drop"}')) === 1)
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toEqual([])
    expect(bot.asked).toHaveLength(1)
  })

  test('cannot hand the conversation over: that becomes a dead letter', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(8_000, json({ MsgType: 'transfer_customer_service' })))
    await scene.start([jsonRoute(bot.url)])
    expect(await (await pushAndWait(scene, () => bot.askedTimes(1))).report).toEqual(silent)
    await scene.clock.advance(3_900)
    await until(isEmpty(scene))
    const { dead_letters } = await scene.deadLetters()
    expect(dead_letters).toMatchObject([{ kind: 'reply', error: expect.stringContaining('passive reply only') }])
  })
})
