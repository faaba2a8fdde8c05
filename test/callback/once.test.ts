import { describe, expect } from 'vitest'
import type { Push, PushReport } from '../../src/sandbox/sandbox.js'
import type { Answering, Asked } from '../support/back-end.js'
import { turn } from '../support/movable-clock.js'
import { newSeed, seeded } from '../support/seeded.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'
import { isEmpty, jsonRoute, manyTurns, type Scene, test, xmlRoute } from './with-hub.js'

const seed = newSeed()

/** A back end that numbers its answers: who is asked twice for one message answers twice differently. */
function numbered(random: () => number = () => 0) {
  let answers = 0
  return async ({ body }: Asked) => {
    answers += 1
    const answer = `${answers}: ${JSON.parse(body).message.Content}`
    for (let turns = Math.floor(random() * 5); turns > 0; turns -= 1) await turn()
    return answer
  }
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ value }) => value)
}

/** Delivers all of them, so many at a time; answers what was said to the deliveries of each. */
async function deliverAll(deliveries: readonly Push[], atOnce: number): Promise<Map<Push, PushReport[]>> {
  const reports = new Map<Push, PushReport[]>()
  const waiting = [...deliveries]
  const work = async () => {
    for (let push = waiting.pop(); push !== undefined; push = waiting.pop()) {
      const report = await push.deliver()
      reports.set(push, [...(reports.get(push) ?? []), report])
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return reports
}

function expectSameReply(reports: ReadonlyMap<Push, readonly PushReport[]>): void {
  for (const [push, all] of reports) {
    const replies = all.map(({ reply }) => reply?.['Content'])
    expect(replies[0]).toMatch(new RegExp(`^\\d+: ${push.message['Content']}$`))
    expect(new Set(replies).size).toBe(1)
  }
}

const tellApart = (asked: readonly Asked[]) => new Set(asked.map(({ headers }) => headers['x-hub-delivery'])).size

describe('a push is handled once (P8)', () => {
  test(`though 2,000 of them come three times each, in any order, many at a time (seed ${seed})`, async ({ scene }) => {
    const random = seeded(seed)
    const bot = await scene.backEnd(numbered(random))
    await scene.start([jsonRoute(bot.url)])
    const pushes = Array.from({ length: 2_000 }, (_, n) =>
      scene.sandbox.preparePush({ message: { FromUserName: `o${n % 50}`, Content: `text ${n % 700}` } }),
    )
    const reports = await deliverAll(
      shuffled(
        pushes.flatMap((push) => [push, push, push]),
        random,
      ),
      40,
    )
    expect(bot.asked).toHaveLength(2_000)
    expect(tellApart(bot.asked)).toBe(2_000)
    expect(reports.size).toBe(2_000)
    expectSameReply(reports)
    expect(await scene.metric('wechat_hub_push_duplicates_total{account="shop"}')).toBe(4_000)
  })

  test.for(['safe', 'compatible'] as const)(
    'though no two deliveries have the same bytes, in %s mode',
    async (mode, { scene }) => {
      const bot = await scene.backEnd(numbered())
      await scene.start([jsonRoute(bot.url)], { shop: { mode } })
      const pushes = Array.from({ length: 60 }, (_, n) =>
        scene.sandbox.preparePush({ message: { Content: `text ${n}` } }),
      )
      const reports = await deliverAll([...pushes, ...pushes.toReversed(), ...pushes], 10)
      expect(bot.asked).toHaveLength(60)
      expectSameReply(reports)
    },
  )

  test('unless people, texts, or events of one second differ', async ({ scene }) => {
    const bot = await scene.backEnd()
    await scene.start([jsonRoute(bot.url)])
    const event = { MsgType: 'event', CreateTime: 1700000000 }
    const finished = { ...event, Event: 'TEMPLATESENDJOBFINISH', Status: 'success' }
    const list = (TemplateId: string) => ({
      ...event,
      Event: 'subscribe_msg_sent_event',
      SubscribeMsgSentEvent: { List: { TemplateId, MsgID: '1', ErrorCode: 0, ErrorStatus: 'success' } },
    })
    const messages = [
      ...[
        { FromUserName: 'o1', MsgId: '1' },
        { FromUserName: 'o2', MsgId: '1' },
        { FromUserName: 'o2', MsgId: '2' },
      ],
      ...[
        { ...event, Event: 'CLICK', EventKey: 'a' },
        { ...event, Event: 'CLICK', EventKey: 'b' },
      ],
      ...[
        { ...event, Event: 'VIEW', EventKey: 'a' },
        { ...finished, MsgID: '1' },
        { ...finished, MsgID: '2' },
      ],
      ...[list('t1'), list('t2')],
    ]
    for (const _time of [1, 2]) {
      const reports = await Promise.all(messages.map((message) => scene.sandbox.push({ message })))
      expect(reports.map(({ result }) => result)).toEqual(messages.map(() => 'silent'))
    }
    expect(bot.asked).toHaveLength(messages.length)
  })

  test('and the same text to two accounts is two messages', async ({ scene }) => {
    const bot = await scene.backEnd()
    const { sandbox, hub } = await scene.start([jsonRoute(bot.url)])
    const message = { FromUserName: 'o1', ToUserName: 'gh_1', MsgId: '7', Content: 'hi' }
    await sandbox.push({ message })
    const { appID } = hub.accounts.find('blog') ?? { appID: '' }
    expect(await sandbox.push({ message, appid: appID })).toMatchObject({ result: 'silent' })
    expect(await scene.metric('wechat_hub_pushes_total{account="blog",type="text",outcome="success"}')).toBe(1)
    expect(await scene.metric('wechat_hub_push_duplicates_total{account="blog"}')).toBe(0)
  })
})

describe('a retry', () => {
  test('that comes while the first delivery is at work waits for its reply', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(3_000, numbered()))
    await scene.start([jsonRoute(bot.url)])
    const push = scene.sandbox.preparePush({ message: { Content: 'one' } })
    const first = push.deliver()
    await bot.askedTimes(1)
    await scene.clock.advance(1_000)
    const second = push.deliver()
    await scene.running.pushArrived(2)
    await manyTurns()
    await scene.clock.advance(2_000)
    expect((await first).reply).toMatchObject({ Content: '1: one' })
    expect((await second).reply).toMatchObject({ Content: '1: one' })
    expect(bot.asked).toHaveLength(1)
  })

  test('gets success with the first delivery where that gets it, and the user one reply', async ({ scene }) => {
    const bot = await scene.backEnd(scene.slow(6_000, numbered()))
    await scene.start([jsonRoute(bot.url)])
    const push = scene.sandbox.preparePush({ message: { Content: 'one' } })
    const first = push.deliver()
    await bot.askedTimes(1)
    await scene.clock.advance(3_000)
    const second = push.deliver()
    await scene.running.pushArrived(2)
    await manyTurns()
    await scene.clock.advance(1_500)
    expect(await first).toMatchObject({ result: 'silent' })
    await scene.clock.advance(1_500)
    expect(await second).toMatchObject({ result: 'silent' })
    expect(await push.deliver()).toMatchObject({ result: 'silent' })
    await scene.toldTimes(1)
    await scene.clock.advance(120_000)
    expect(await scene.allTold()).toHaveLength(1)
    expect(bot.asked).toHaveLength(1)
  })

  test('that comes later gets the stored reply, minutes later too', async ({ scene }) => {
    const bot = await scene.backEnd(numbered())
    await scene.start([jsonRoute(bot.url)])
    const push = scene.sandbox.preparePush({ message: { Content: 'one' } })
    for (const pause of [0, 1_000, 61_000, 3_500_000]) {
      await scene.clock.advance(pause)
      expect((await push.deliver()).reply).toMatchObject({ Content: '1: one' })
      // Others make the hub forget what it holds in memory.
      await scene.sandbox.push({ message: { Content: 'another' } })
    }
    // WeChat's own retries end within seconds.
    await scene.clock.advance(3_600_000)
    await scene.sandbox.push({ message: { Content: 'another' } })
    expect((await push.deliver()).reply).toMatchObject({ Content: expect.not.stringMatching(/^1: /) })
    expect(bot.asked.filter(({ body }) => body.includes('one'))).toHaveLength(2)
  })
})

describe('after a restart', () => {
  test.for(['plain', 'safe'] as const)('a retry gets the stored reply, in %s mode', async (mode, { scene }) => {
    const bot = await scene.backEnd(numbered())
    await withFolder(scene, async (dataDir) => {
      const { message } = await answeredOnce(scene, { dataDir, shop: { mode } }, bot.url)
      for (const _restart of [1, 2]) {
        await scene.stop()
        await scene.start([jsonRoute(bot.url)], { dataDir, shop: { mode } })
        expect((await scene.sandbox.push({ message })).reply).toMatchObject({ Content: '1: one' })
      }
      expect(bot.asked).toHaveLength(1)
    })
  })

  test('of the hub while it was at work, a retry is handled, and its observers get no second copy', async ({
    scene,
  }) => {
    const [bot, audit] = [await scene.backEnd(() => undefined), await scene.backEnd()]
    await withFolder(scene, async (dataDir) => {
      const routes = [xmlRoute(bot.url), { ...jsonRoute(audit.url), observe: true }]
      await scene.start(routes, { dataDir })
      const push = scene.sandbox.preparePush()
      const first = push.deliver()
      await Promise.all([bot.askedTimes(1), audit.askedTimes(1)])
      await scene.stop()
      expect((await first).result).toBe('unavailable')
      bot.answer = () => '<xml><MsgType>text</MsgType><Content>after all</Content></xml>'
      await scene.start(routes, { dataDir })
      const { deliveries } = await scene.sandbox.push({ message: push.message })
      expect(deliveries[0]?.body).toContain('after all')
      await manyTurns()
      expect(audit.asked).toHaveLength(1)
      // What was to be asked again, should no retry have come, need not be any more.
      await scene.clock.advance(120_000)
      await manyTurns()
      expect(bot.asked).toHaveLength(2)
      expect(await scene.allTold()).toEqual([])
    })
  })

  /** The hub ends after WeChat had its `success`, and before the reply; the next one has this back end. */
  async function endedBeforeTheReply(scene: Scene, next: Parameters<Scene['backEnd']>[0], work: () => Promise<void>) {
    const bot = await scene.backEnd(() => undefined)
    await withFolder(scene, async (dataDir) => {
      await scene.start([jsonRoute(bot.url)], { dataDir })
      const push = scene.push()
      await bot.askedTimes(1)
      await scene.clock.advance(4_100)
      await push.report
      await scene.stop(0)
      if (next !== undefined) bot.answer = next
      await scene.start([jsonRoute(bot.url)], { dataDir })
      await scene.clock.advance(70_000)
      await bot.askedTimes(2)
      await work()
      await scene.clock.advance(600_000)
      await scene.allTold()
      expect(bot.asked).toHaveLength(2)
      expect((await scene.deadLetters()).dead_letters).toEqual([])
    })
  }

  test('of the hub before a reply that was due, the back end is asked once more', async ({ scene }) => {
    const next = () => 'after all'
    await endedBeforeTheReply(scene, next, async () => {
      await scene.toldTimes(1)
      expect(scene.told).toMatchObject([{ text: { content: 'after all' } }])
    })
  })

  test('and not a third time, whatever it answers then', async ({ scene }) => {
    const next: Answering = (_asked, response) => {
      response.statusCode = 500
      return ''
    }
    await endedBeforeTheReply(scene, next, async () => {
      await until(isEmpty(scene))
      expect(scene.logged('push-fault')).toMatchObject([{ fault: 'status' }])
      expect(scene.told).toEqual([])
    })
  })
})

async function answeredOnce(scene: Scene, options: Parameters<Scene['start']>[1], url: string): Promise<Push> {
  await scene.start([jsonRoute(url)], options)
  const push = scene.sandbox.preparePush({ message: { Content: 'one' } })
  expect((await push.deliver()).reply).toMatchObject({ Content: '1: one' })
  return push
}

/** The hub ends before its folder goes. */
async function withFolder(scene: Scene, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = temporaryFolder()
  try {
    await work(folder)
  } finally {
    await scene.stop()
    removeFolder(folder)
  }
}
