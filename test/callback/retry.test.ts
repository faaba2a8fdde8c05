import { describe, expect } from 'vitest'
import { json } from '../support/back-end.js'
import { until } from '../support/until.js'
import { jsonRoute, manyTurns, type Scene, signedText, test } from './with-hub.js'

const late = 'retry'

/** Lets WeChat's delivery with this number, from 1 on, be cut after 5 s, and the next one arrive. */
async function letBeCut(scene: Scene, delivery: number): Promise<void> {
  await scene.running.pushArrived(delivery)
  await scene.clock.advance(5_000)
  await scene.running.pushArrived(delivery + 1)
}

describe('a route that lets WeChat ask again', () => {
  test('gives a reply that takes 8 s to the second delivery', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(8_000, 'at the second'))
    await scene.start([jsonRoute(bot.url, { late })])
    const push = scene.push()
    await bot.askedTimes(1)
    await letBeCut(scene, 1)
    await scene.clock.advance(2_999)
    expect(await push.ended()).toBe(false)
    await scene.clock.advance(1)
    const report = await push.report
    expect(report.reply).toMatchObject({ Content: 'at the second' })
    expect(report.deliveries.map(({ outcome }) => outcome)).toEqual(['cut', 'answered'])
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toEqual([])
    expect(bot.asked).toHaveLength(1)
    expect(await scene.metric('wechat_hub_late_replies_total{account="shop",way="retry"}')).toBe(1)
    expect(await scene.metric('wechat_hub_push_duplicates_total{account="shop"}')).toBe(1)
  })

  test('gives a reply that takes 14 s to the third delivery', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(14_000, json({ MsgType: 'image', Image: { MediaId: 'M' } })))
    await scene.start([jsonRoute(bot.url, { late })])
    const push = scene.push()
    await bot.askedTimes(1)
    await letBeCut(scene, 1)
    await letBeCut(scene, 2)
    await scene.clock.advance(4_000)
    const report = await push.report
    expect(report).toMatchObject({ result: 'reply', reply: { MsgType: 'image', Image: { MediaId: 'M' } } })
    expect(report.deliveries.map(({ outcome }) => outcome)).toEqual(['cut', 'cut', 'answered'])
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toEqual([])
    expect(bot.asked).toHaveLength(1)
  })

  test('answers the third delivery success at its 4.1 s, and a reply that takes 17 s goes by customer service', async ({
    scene,
  }) => {
    const bot = await scene.backEnd(scene.slow(17_000, 'at last'))
    await scene.start([jsonRoute(bot.url, { late })])
    const push = scene.push()
    await bot.askedTimes(1)
    await letBeCut(scene, 1)
    await letBeCut(scene, 2)
    await scene.clock.advance(4_099)
    expect(await push.ended()).toBe(false)
    await scene.clock.advance(1)
    const { result, deliveries } = await push.report
    expect(result).toBe('silent')
    expect(deliveries.map(({ outcome, ms, body }) => [outcome, ms, body])).toEqual([
      ['cut', 5_000, undefined],
      ['cut', 5_000, undefined],
      ['answered', 4_100, 'success'],
    ])
    await scene.clock.advance(2_900)
    await scene.toldTimes(1)
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toMatchObject([{ text: { content: 'at last' } }])
    expect(bot.asked).toHaveLength(1)
  })

  test('gives a reply that is there between 4.1 s and 5 s to the second delivery', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(4_700, 'in between'))
    await scene.start([jsonRoute(bot.url, { late })])
    const push = scene.push()
    await bot.askedTimes(1)
    await letBeCut(scene, 1)
    const report = await push.report
    expect(report.reply).toMatchObject({ Content: 'in between' })
    expect(report.deliveries).toMatchObject([
      { outcome: 'cut', ms: 5_000 },
      { outcome: 'answered', ms: 0 },
    ])
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toEqual([])
  })

  test('sends the kept reply by customer service 15 s after it was ready, if WeChat does not ask again', async ({
    scene,
  }) => {
    const bot = await scene.backEnd(scene.slow(8_000, 'kept'))
    await scene.start([jsonRoute(bot.url, { late })])
    const push = scene.sandbox.preparePush()
    const once = push.deliver()
    await bot.askedTimes(1)
    await scene.clock.advance(5_000)
    expect((await once).deliveries).toMatchObject([{ outcome: 'cut' }])
    await scene.clock.advance(3_000)
    // The hub has it: only then do the 15 s begin.
    await until(async () => (await scene.metric('wechat_hub_push_seconds_count{account="shop"}')) === 1)
    await manyTurns()
    await scene.clock.advance(14_999)
    expect(await scene.allTold()).toEqual([])
    await scene.clock.advance(1)
    await scene.toldTimes(1)
    expect(await scene.allTold()).toMatchObject([{ text: { content: 'kept' } }])
    // Should WeChat ask after all, the user has had it.
    expect(await push.deliver()).toMatchObject({ result: 'silent', deliveries: [{ body: 'success' }] })
    expect(bot.asked).toHaveLength(1)
  })

  test('ends a connection that WeChat does not cut', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(30_000, 'never'))
    const { url } = await scene.start([jsonRoute(bot.url, { late })])
    const { query, body } = signedText(scene)
    const answer = fetch(`${url}/wx/shop?${query}`, { method: 'POST', body })
    const cut = expect(answer).rejects.toThrow()
    await bot.askedTimes(1)
    await scene.clock.advance(6_000)
    await cut
  })
})
