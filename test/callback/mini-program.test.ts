import { describe, expect } from 'vitest'
import { json } from '../support/back-end.js'
import { until } from '../support/until.js'
import { jsonRoute, test, xmlRoute } from './with-hub.js'

const type = 'miniprogram'
const hello = json({ MsgType: 'text', Content: 'hello' })

describe.for(['json', 'xml'] as const)('a push of a mini program in %s', (format) => {
  test.for(['plain', 'safe'] as const)(
    'is answered success, and its reply goes by customer service (%s mode)',
    async (mode, { scene }) => {
      const bot = await scene.backEnd(hello)
      await scene.start([jsonRoute(bot.url)], { shop: { type, mode } })
      const push = scene.sandbox.preparePush({
        format,
        message: { FromUserName: 'oUser', MsgId: '12345678901234567890' },
      })
      expect(await push.send()).toMatchObject({ result: 'silent', deliveries: [{ body: 'success' }] })
      await scene.toldTimes(1)
      expect(await push.send()).toMatchObject({ result: 'silent', deliveries: [{ body: 'success' }] })
      expect(await scene.allTold()).toEqual([{ touser: 'oUser', msgtype: 'text', text: { content: 'hello' } }])
      expect(bot.asked).toHaveLength(1)
      expect(JSON.parse(bot.asked[0]?.body ?? '').message).toMatchObject({ MsgId: '12345678901234567890' })
    },
  )

  test.for(['plain', 'safe'] as const)(
    'is handed over to customer service in its own format (%s mode)',
    async (mode, { scene }) => {
      const bot = await scene.backEnd(
        json({ MsgType: 'transfer_customer_service', TransInfo: { KfAccount: 'kf1@shop' } }),
      )
      await scene.start([jsonRoute(bot.url)], { shop: { type, mode } })
      const { result, reply, replyText } = await scene.sandbox.push({ format, message: { FromUserName: 'oUser' } })
      expect(result).toBe('reply')
      expect(reply).toMatchObject({
        ToUserName: 'oUser',
        MsgType: 'transfer_customer_service',
        TransInfo: { KfAccount: 'kf1@shop' },
      })
      expect(replyText).toMatch(format === 'json' ? /^\{/ : /^<xml>/)
      if (format === 'json') expect(JSON.parse(replyText ?? '').CreateTime).toBe(Math.floor(scene.clock.now() / 1000))
      expect(await scene.allTold()).toEqual([])
    },
  )

  test('reaches an XML back end as it came', async ({ scene }) => {
    const bot = await scene.backEnd(() =>
      '<xml><ToUserName>oUser</ToUserName><FromUserName>gh_1</FromUserName><CreateTime>1</CreateTime><MsgType> transfer_customer_service</MsgType></xml>'.replace(
        '> t',
        '>t',
      ),
    )
    await scene.start([xmlRoute(bot.url)], { shop: { type } })
    const { result } = await scene.sandbox.push({ format, message: { FromUserName: 'oUser', Content: 'hi' } })
    expect(result).toBe('reply')
    expect(bot.asked[0]?.headers['content-type']).toMatch(format === 'json' ? /^application\/json/ : /^text\/xml/)
    expect(bot.asked[0]?.body).toMatch(format === 'json' ? /^\{.*"hi"/s : /^<xml>.*hi/s)
  })
})

describe('a late reply of a mini program', () => {
  test('goes by customer service too, once', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(8_000, hello))
    await scene.start([jsonRoute(bot.url)], { shop: { type } })
    const push = scene.push({ format: 'json' })
    await bot.askedTimes(1)
    await scene.clock.advance(4_100)
    expect(await push.report).toMatchObject({ result: 'silent', deliveries: [{ ms: 4_100, body: 'success' }] })
    await scene.clock.advance(3_900)
    await scene.toldTimes(1)
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toHaveLength(1)
    expect(bot.asked).toHaveLength(1)
  })

  test('is sent when it is there, where WeChat is let ask again', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(8_000, hello))
    await scene.start([jsonRoute(bot.url, { late: 'retry' })], { shop: { type } })
    const push = scene.push({ format: 'json' })
    await bot.askedTimes(1)
    await scene.clock.advance(5_000)
    await scene.running.pushArrived(2)
    await scene.clock.advance(3_000)
    expect(await push.report).toMatchObject({ result: 'silent', deliveries: [{ outcome: 'cut' }, { body: 'success' }] })
    await scene.toldTimes(1)
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toHaveLength(1)
  })

  test('is dropped where the route says so, but only if it is late', async ({ scene }) => {
    const bot = await scene.backEnd(hello)
    await scene.start([jsonRoute(bot.url, { late: 'drop' })], { shop: { type } })
    await scene.sandbox.push()
    await scene.toldTimes(1)
    bot.answer = scene.slow(8_000, hello)
    const push = scene.push()
    await bot.askedTimes(2)
    await scene.clock.advance(8_000)
    await push.report
    await until(async () => (await scene.metric('wechat_hub_late_replies_total{account="shop",way="drop"}')) === 1)
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toHaveLength(1)
  })
})
