import { describe, expect } from 'vitest'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'
import { isEmpty, jsonRoute, manyTurns, observer, type Scene, silent, test } from './with-hub.js'

const second = 1_000
const hour = 3_600 * second

/** What the hub says of tries that failed, as soon as there were so many. */
async function failures(scene: Scene, count: number) {
  await until(() => scene.logged('push-not-sent').length >= count)
  return scene.logged('push-not-sent')
}

describe('a copy for an observer that fails', () => {
  test('is tried again after pauses that double to an hour, each at random, and after 24 h is a dead letter', async ({
    scene,
  }) => {
    const { url, asked } = await scene.backEnd((_asked, response) => {
      response.statusCode = 500
      return 'no'
    })
    await scene.start([observer(`${url}?key=hidden`)])
    const start = scene.clock.now()
    const push = scene.sandbox.preparePush({ message: { Content: 'what the user wrote' } })
    expect(await push.send()).toEqual(silent)
    const shares: number[] = []
    for (let tries = 1; ; tries += 1) {
      const { retryInMs, level, attempts, to } = (await failures(scene, tries)).at(-1) ?? {}
      expect([attempts, to]).toEqual([tries, url])
      if (retryInMs === undefined) {
        expect(level).toBe('error')
        break
      }
      const bound = Math.min(hour, second * 2 ** (tries - 1))
      const pause = Number(retryInMs)
      expect(pause).toBeGreaterThanOrEqual(bound / 2)
      expect(pause).toBeLessThanOrEqual(bound)
      shares.push(pause / bound)
      await scene.clock.advance(pause - 2)
      await manyTurns()
      expect(asked).toHaveLength(tries)
      await scene.clock.advance(4)
    }
    const trial = scene.clock.now() - start
    expect(trial).toBeGreaterThan(23 * hour)
    expect(trial).toBeLessThanOrEqual(24 * hour)
    // Each pause is drawn anew.
    expect(new Set(shares.map((share) => share.toFixed(3))).size).toBeGreaterThan(shares.length / 2)
    await until(isEmpty(scene))
    const { dead_letters } = await scene.deadLetters()
    expect(dead_letters).toMatchObject([
      {
        kind: 'copy',
        to: url,
        attempts: asked.length,
        error: 'the back end answered an error (HTTP status 500)',
        accepted: new Date(start).toISOString(),
        message: { MsgId: push.message['MsgId'] },
      },
    ])
    expect(scene.running.logLines.join('')).not.toMatch(/what the user wrote|key=hidden/)
    await scene.clock.advance(2 * hour)
    await manyTurns()
    expect(asked).toHaveLength(shares.length + 1)
  })

  test('arrives when the observer is up again, and is sent no more', async ({ scene }) => {
    let up = false
    const { url, asked } = await scene.backEnd((_asked, response) => {
      if (!up) response.socket?.destroy()
      return up ? '' : undefined
    })
    await scene.start([observer(url)])
    await scene.sandbox.push()
    await failures(scene, 1)
    up = true
    await scene.clock.advance(second)
    await until(isEmpty(scene))
    await scene.clock.advance(48 * hour)
    expect(asked).toHaveLength(2)
    expect(await scene.metric('wechat_hub_outbox_tries_total{account="shop",kind="copy",outcome="sent"}')).toBe(1)
    expect(await scene.metric('wechat_hub_outbox_tries_total{account="shop",kind="copy",outcome="retry"}')).toBe(1)
  })

  test('does not hold up the copies for another one', async ({ scene }) => {
    const [hanging, well] = [await scene.backEnd(() => undefined), await scene.backEnd()]
    await scene.start([observer(hanging.url), observer(await scene.down()), observer(well.url)])
    for (let pushes = 0; pushes < 30; pushes += 1) expect(await scene.sandbox.push()).toEqual(silent)
    await well.askedTimes(30)
    expect(hanging.asked).toHaveLength(8)
  })

  test('keeps its place though the time-out of its observer is met', async ({ scene }) => {
    const { url, asked } = await scene.backEnd(() => undefined)
    await scene.start([observer(url, { timeout: 10 })])
    await scene.sandbox.push()
    await until(() => asked.length === 1)
    await scene.clock.advance(10 * second)
    expect(await failures(scene, 1)).toMatchObject([{ attempts: 1, level: 'warn' }])
    await scene.clock.advance(second)
    await until(() => asked.length === 2)
  })
})

describe('copies', () => {
  test('are sent to one observer eight at a time', async ({ scene }) => {
    const release: (() => void)[] = []
    const [slow, quick] = [
      await scene.backEnd(async () => {
        await new Promise<void>((resolve) => release.push(resolve))
        return ''
      }),
      await scene.backEnd(),
    ]
    await scene.start([observer(slow.url), observer(quick.url)])
    await Promise.all(Array.from({ length: 20 }, () => scene.sandbox.push()))
    await Promise.all([slow.askedTimes(8), quick.askedTimes(20)])
    await manyTurns()
    expect(slow.asked).toHaveLength(8)
    for (let done = 1; done <= 12; done += 1) {
      release.shift()?.()
      await slow.askedTimes(8 + done)
      expect(release.length).toBeLessThanOrEqual(8)
    }
    for (const resolve of release) resolve()
    await until(isEmpty(scene))
    expect(slow.asked).toHaveLength(20)
  })

  test('that were not sent yet are sent after a restart', async ({ scene }) => {
    const dataDir = temporaryFolder()
    let up = false
    const { url, asked } = await scene.backEnd((_asked, response) => {
      response.statusCode = up ? 200 : 503
      return ''
    })
    await scene.start([observer(url)], { dataDir })
    const pushes = Array.from({ length: 30 }, () => scene.sandbox.preparePush())
    await Promise.all(pushes.map((push) => push.send()))
    expect(await scene.metric('wechat_hub_outbox_depth{account="shop"}')).toBe(30)
    await scene.stop(0)
    up = true
    const before = asked.length
    await scene.start([observer(url)], { dataDir })
    await until(async () => {
      await scene.clock.advance(second)
      return asked.length - before >= 30
    })
    await until(isEmpty(scene))
    const arrived = asked.slice(before).map(({ body }) => JSON.parse(body).message.MsgId)
    expect(arrived.toSorted()).toEqual(pushes.map(({ message }) => message['MsgId']).toSorted())
    await scene.stop()
    removeFolder(dataDir)
  })

  test('for a route that is not configured any more become dead letters that say so', async ({ scene }) => {
    const dataDir = temporaryFolder()
    const bot = await scene.backEnd()
    const gone = await scene.down()
    await scene.start([observer(gone)], { dataDir })
    await scene.sandbox.push()
    await failures(scene, 1)
    await scene.stop()
    await scene.start([jsonRoute(bot.url)], { dataDir })
    await until(async () => {
      await scene.clock.advance(second)
      return (await scene.deadLetters()).dead_letters.length > 0
    })
    expect((await scene.deadLetters()).dead_letters).toMatchObject([
      { kind: 'copy', to: gone, error: 'the configuration has no such route any more' },
    ])
    await scene.stop()
    removeFolder(dataDir)
  })
})

describe('a late reply', () => {
  /** The hub has a reply that customer service is to send. */
  async function replyIsDue(scene: Scene): Promise<void> {
    const bot = await scene.backEnd(scene.slow(6 * second, 'late'))
    await scene.start([jsonRoute(bot.url)])
    const push = scene.push()
    await bot.askedTimes(1)
    await scene.clock.advance(4_100)
    await push.report
  }

  const custom = '/cgi-bin/message/custom/send'

  test.for([45047, 45015, 40003])(
    'that WeChat refuses for good (%i) is a dead letter at once',
    async (errcode, { scene }) => {
      await replyIsDue(scene)
      scene.sandbox.faults.add({ kind: 'errcode', errcode, path: custom })
      await scene.clock.advance(1_900)
      expect(await failures(scene, 1)).toMatchObject([{ kind: 'reply', attempts: 1, level: 'error' }])
      await until(isEmpty(scene))
      const { dead_letters } = await scene.deadLetters()
      expect(dead_letters).toMatchObject([
        { kind: 'reply', attempts: 1, error: expect.stringContaining(String(errcode)), reply: { Content: 'late' } },
      ])
      expect(scene.sandbox.requests.count(custom)).toBe(1)
    },
  )

  test('that WeChat is too busy for is tried again', async ({ scene }) => {
    await replyIsDue(scene)
    scene.sandbox.faults.add({ kind: 'busy', path: custom, times: 2 })
    await scene.clock.advance(1_900)
    expect(await failures(scene, 1)).toMatchObject([{ kind: 'reply', level: 'warn' }])
    await scene.clock.advance(second)
    await failures(scene, 2)
    expect(scene.told).toEqual([])
    await scene.clock.advance(2 * second)
    await scene.toldTimes(1)
    await until(isEmpty(scene))
    expect(await scene.allTold()).toMatchObject([{ text: { content: 'late' } }])
  })

  test.for(['reset', 'status', 'garbage'] as const)(
    'that may have arrived (%s) is tried once more, and becomes a dead letter',
    async (kind, { scene }) => {
      await replyIsDue(scene)
      scene.sandbox.faults.add({ kind, path: custom })
      await scene.clock.advance(1_900)
      expect(await failures(scene, 1)).toMatchObject([{ kind: 'reply', level: 'warn' }])
      await scene.clock.advance(second)
      expect((await failures(scene, 2)).at(-1)).toMatchObject({ kind: 'reply', level: 'error' })
      await until(isEmpty(scene))
      await scene.clock.advance(hour)
      expect(scene.sandbox.requests.count(custom)).toBe(2)
      expect((await scene.deadLetters()).dead_letters).toMatchObject([{ kind: 'reply', attempts: 2 }])
    },
  )

  test('is tried for an hour', async ({ scene }) => {
    await replyIsDue(scene)
    scene.sandbox.faults.add({ kind: 'busy', path: custom })
    await scene.clock.advance(1_900)
    const start = scene.clock.now()
    for (let tries = 1; ; tries += 1) {
      const { retryInMs } = (await failures(scene, tries)).at(-1) ?? {}
      if (retryInMs === undefined) break
      await scene.clock.advance(Number(retryInMs) + 1)
    }
    expect(scene.clock.now() - start).toBeGreaterThan(hour / 4)
    expect(scene.clock.now() - start).toBeLessThanOrEqual(hour)
    await until(isEmpty(scene))
    expect((await scene.deadLetters()).dead_letters).toMatchObject([{ kind: 'reply' }])
  })

  test('is sent though the access_token has died', async ({ scene }) => {
    await replyIsDue(scene)
    const { appID } = scene.running.hub.accounts.find('shop') ?? { appID: '' }
    await scene.running.token('/v1/shop/access-token')
    scene.sandbox.tokens.issue(appID, 'token', { atOnce: true })
    await scene.clock.advance(1_900)
    await scene.toldTimes(1)
    expect(await scene.allTold()).toMatchObject([{ text: { content: 'late' } }])
    expect(scene.logged('push-not-sent')).toEqual([])
  })
})
