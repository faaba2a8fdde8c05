import { afterEach, beforeEach, expect, it } from 'vitest'
import { BackEndServer } from '../support/back-end.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { RunningHub, shop } from '../support/running-hub.js'
import { jsonRoute } from './with-hub.js'

describeWithRedis('the log of a hub whose Redis is away', () => {
  let redis: RedisServer
  let bot: BackEndServer
  let hub: RunningHub

  beforeEach(async () => {
    redis = await RedisServer.start()
    bot = await BackEndServer.start(() => 'a reply')
    const config = { redis: { url: redis.url, prefix: 'lines:' } }
    hub = await RunningHub.start({ config, shop: { routes: [jsonRoute(bot.url)] } })
  })

  afterEach(async () => {
    await hub.close()
    await bot.close()
    await redis.stop()
  })

  it('has few lines about pushes, however many come', async () => {
    await redis.kill()
    for (let n = 0; n < 60; n += 1) await hub.sandbox.push({ appid: shop.appID, message: { Content: `${n}` } })
    expect(bot.asked).toHaveLength(60)
    const lines = hub.logLines.filter((line) => line.includes('push-store-failed'))
    expect(lines.length).toBeGreaterThan(1)
    expect(lines.length).toBeLessThanOrEqual(40)
    const metrics = await (await hub.request('/metrics')).text()
    expect(Number(/wechat_hub_store_failures_total\{[^}]*claim[^}]*\} (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(40)
  })
})
