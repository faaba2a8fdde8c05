import { describe, expect } from 'vitest'
import { json } from '../support/back-end.js'
import { until } from '../support/until.js'
import { isEmpty, jsonRoute, observer, test, xmlRoute } from './with-hub.js'

const text = (Content: string) => json({ MsgType: 'text', Content })

describe('who answers a push (P8)', () => {
  test('is the first route that matches and does not observe', async ({ scene }) => {
    const [first, second, last] = [
      await scene.backEnd(text('first')),
      await scene.backEnd(text('second')),
      await scene.backEnd(text('last')),
    ]
    await scene.start([
      jsonRoute(first.url, { match: { MsgType: 'event', Event: ['subscribe', 'SCAN'] } }),
      jsonRoute(second.url, { match: { Content: { regex: '(?i)^help' } } }),
      jsonRoute(last.url),
    ])
    const answerTo = async (message: Record<string, string>) =>
      (await scene.sandbox.push({ message })).reply?.['Content']
    expect(await answerTo({ MsgType: 'event', Event: 'SCAN' })).toBe('first')
    expect(await answerTo({ MsgType: 'event', Event: 'subscribe' })).toBe('first')
    expect(await answerTo({ MsgType: 'event', Event: 'CLICK' })).toBe('last')
    expect(await answerTo({ Content: 'HELP me' })).toBe('second')
    expect(await answerTo({ Content: 'no help' })).toBe('last')
    expect([first, second, last].map(({ asked }) => asked.length)).toEqual([2, 1, 2])
  })

  test('is nobody where no route matches: WeChat gets success', async ({ scene }) => {
    const backEnd = await scene.backEnd(text('hi'))
    await scene.start([jsonRoute(backEnd.url, { match: { MsgType: 'event' } })])
    const report = await scene.sandbox.push()
    expect(report).toMatchObject({ result: 'silent', deliveries: [{ status: 200, body: 'success' }] })
    expect(backEnd.asked).toEqual([])
  })

  test.for([
    ['nothing', '', {}],
    ['success', 'success', {}],
    ['null', 'null', { 'content-type': 'application/json' }],
  ] as const)('gets success for %s', async ([, answer, headers], { scene }) => {
    const backEnd = await scene.backEnd((_asked, response) => {
      response.setHeaders(new Headers(headers))
      return answer
    })
    await scene.start([jsonRoute(backEnd.url)])
    expect(await scene.sandbox.push()).toMatchObject({ result: 'silent', deliveries: [{ body: 'success' }] })
    expect(scene.logged('push-fault')).toEqual([])
  })

  test('gets success for 204', async ({ scene }) => {
    const backEnd = await scene.backEnd((_asked, response) => {
      response.writeHead(204).end()
      return undefined
    })
    await scene.start([jsonRoute(backEnd.url)])
    expect(await scene.sandbox.push()).toMatchObject({ result: 'silent', deliveries: [{ body: 'success' }] })
    expect(scene.logged('push-fault')).toEqual([])
  })

  test('gets a text for a plain answer, and for JSON that a framework calls HTML', async ({ scene }) => {
    const backEnd = await scene.backEnd(() => 'plain 文本')
    await scene.start([jsonRoute(backEnd.url)])
    expect((await scene.sandbox.push()).reply).toMatchObject({ MsgType: 'text', Content: 'plain 文本' })
    backEnd.answer = (_asked, response) => {
      response.setHeader('content-type', 'text/html')
      return JSON.stringify({ MsgType: 'image', Image: { MediaId: 'M1' } })
    }
    expect((await scene.sandbox.push()).reply).toMatchObject({ MsgType: 'image', Image: { MediaId: 'M1' } })
  })

  test('is shown to the metrics by its type and outcome', async ({ scene }) => {
    const backEnd = await scene.backEnd(text('hi'))
    await scene.start([jsonRoute(backEnd.url, { match: { MsgType: 'text' } })])
    await scene.sandbox.push()
    await scene.sandbox.push({ message: { MsgType: 'event', Event: 'CLICK', EventKey: 'k' } })
    await scene.sandbox.push({ message: { MsgType: 'event', Event: 'made_by_a_stranger' } })
    const pushes = (type: string, outcome: string) =>
      scene.metric(`wechat_hub_pushes_total{account="shop",type="${type}",outcome="${outcome}"}`)
    expect(await pushes('text', 'reply')).toBe(1)
    expect(await pushes('event CLICK', 'success')).toBe(1)
    expect(await pushes('event other', 'success')).toBe(1)
  })
})

describe('who observes a push', () => {
  test('gets a copy of what its own match takes, whoever answers', async ({ scene }) => {
    const bot = await scene.backEnd(text('hi'))
    const [all, events, none] = [await scene.backEnd(), await scene.backEnd(), await scene.backEnd()]
    await scene.start([
      observer(all.url),
      jsonRoute(bot.url, { match: { MsgType: 'text' } }),
      { ...xmlRoute(events.url, { match: { MsgType: 'event' } }), observe: true },
      observer(none.url, { match: { MsgType: 'voice' } }),
    ])
    const push = scene.sandbox.preparePush({ message: { Content: 'to all' } })
    expect((await push.send()).reply).toMatchObject({ Content: 'hi' })
    expect(await scene.sandbox.push({ message: { MsgType: 'event', Event: 'subscribe' } })).toMatchObject({
      deliveries: [{ body: 'success' }],
    })
    await all.askedTimes(2)
    await events.askedTimes(1)
    const contents = all.asked.map(({ body }) => JSON.parse(body).message)
    expect(contents).toMatchObject([{ MsgId: push.message['MsgId'], Content: 'to all' }, { Event: 'subscribe' }])
    expect(events.asked[0]?.body).toContain('<Event><![CDATA[subscribe]]></Event>')
    await until(isEmpty(scene))
    expect(none.asked).toEqual([])
    expect(bot.asked).toHaveLength(1)
  })

  test('is told by X-Hub-Delivery that two requests are about one push', async ({ scene }) => {
    const [bot, one] = [await scene.backEnd(), await scene.backEnd()]
    await scene.start([observer(one.url), jsonRoute(bot.url)])
    await scene.sandbox.push()
    await scene.sandbox.push()
    await one.askedTimes(2)
    const ids = [bot, one].map(({ asked }) => asked.map(({ headers }) => headers['x-hub-delivery']).toSorted())
    expect(ids[0]).toEqual(ids[1])
    expect(new Set(ids[0]).size).toBe(2)
  })

  test('gets each copy as the route says that took it, where two lead to it', async ({ scene }) => {
    const one = await scene.backEnd()
    await scene.start([
      observer(one.url, { match: { MsgType: 'text' } }),
      { ...xmlRoute(one.url, { match: { MsgType: 'event' } }), observe: true },
    ])
    await scene.sandbox.push({ message: { MsgType: 'event', Event: 'SCAN', EventKey: '1' } })
    await one.askedTimes(1)
    expect(one.asked[0]?.body).toMatch(/^<xml>/)
    await scene.sandbox.push()
    await one.askedTimes(2)
    expect(one.asked[1]?.body).toMatch(/^\{"account":"shop"/)
  })

  test('answers what it likes, if only its status is 2xx', async ({ scene }) => {
    const one = await scene.backEnd((_asked, response) => {
      response.setHeader('content-type', 'application/octet-stream')
      return 'x'.repeat(5_000_000)
    })
    await scene.start([observer(one.url)])
    expect(await scene.sandbox.push()).toMatchObject({ deliveries: [{ body: 'success' }] })
    await until(isEmpty(scene))
    expect(scene.logged('push-not-sent')).toEqual([])
    expect(one.asked).toHaveLength(1)
  })
})
