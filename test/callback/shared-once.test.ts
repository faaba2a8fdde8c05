import { describe, expect } from 'vitest'
import type { Late } from '../../src/callback/back-end.js'
import type { CallbackEvent } from '../../src/callback/callback-event.js'
import { until } from '../support/until.js'
import { jsonRoute, manyTurns, observer } from './with-hub.js'
import { type HubProcess, type Processes, slowDown, test } from './with-processes.js'

const second = 1_000
const minutes = 60 * second

function happened({ events }: HubProcess, type: CallbackEvent['type']): readonly CallbackEvent[] {
  return events.filter((event) => event.type === type)
}

/** Two processes with one back end, which has been asked by the first one for a push `1`. */
async function firstAtWork(hub: Processes, answer: Parameters<Processes['backEnd']>[0], late?: Late) {
  const bot = await hub.backEnd(answer)
  const [one, other, third] = await hub.startMany(3, [jsonRoute(bot.url, late === undefined ? {} : { late })])
  if (one === undefined || other === undefined || third === undefined) throw new Error('there are fewer')
  const first = hub.deliver(one, '1')
  await bot.askedTimes(1)
  return { bot, one, other, third, first }
}

/** Neither a message nor another question comes later. */
async function expectTheEnd(hub: Processes, told: number): Promise<void> {
  await hub.advance(30 * minutes)
  expect(hub.told).toHaveLength(told)
  expect(await hub.store.list('outbox/')).toEqual([])
}

describe('a retry at another process', () => {
  test('waits for the reply of the one that is at work, and gets it', async ({ hub }) => {
    const { bot, other, first } = await firstAtWork(hub, hub.slow(3 * second, 'one reply'))
    await hub.advance(second)
    const retry = hub.deliver(other, '1')
    await hub.advance(2_200)
    expect(await first).toContain('one reply')
    expect(await retry).toContain('one reply')
    expect(happened(other, 'answered')).toMatchObject([{ outcome: 'reply', duplicate: true }])
    expect(bot.asked).toHaveLength(1)
    await expectTheEnd(hub, 0)
  })

  test('after the reply was given gets the same', async ({ hub }) => {
    const { bot, other, first } = await firstAtWork(hub, () => 'one reply')
    const reply = await first
    expect(reply).toContain('one reply')
    expect(await hub.deliver(other, '1')).toBe(reply)
    expect(bot.asked).toHaveLength(1)
  })

  test('gets success as soon as the first delivery has, and the user one reply', async ({ hub }) => {
    const { bot, one, other, first } = await firstAtWork(hub, hub.slow(6 * second, 'late'))
    await hub.advance(3 * second)
    const retry = hub.deliver(other, '1')
    await hub.advance(1_300)
    expect([await first, await retry]).toEqual(['', ''])
    await hub.advance(2 * second)
    await until(() => hub.told.length === 1)
    expect(hub.told).toMatchObject([{ text: { content: 'late' } }])
    expect(await hub.deliver(other, '1')).toBe('')
    expect(bot.asked).toHaveLength(1)
    expect(happened(one, 'late')).toMatchObject([{ way: 'customer-service' }])
    await expectTheEnd(hub, 1)
  })

  test('takes over when the first process ends, and the user has one reply', async ({ hub }) => {
    const { bot, one, other } = await firstAtWork(hub, () => undefined)
    await hub.advance(second)
    const retry = hub.deliver(other, '1')
    await hub.advance(second)
    expect(bot.asked).toHaveLength(1)
    bot.answer = () => 'from the other'
    one.store.kill()
    await hub.advance(100)
    expect(await retry).toContain('from the other')
    expect(bot.asked).toHaveLength(2)
    await expectTheEnd(hub, 0)
  })

  test('that comes when the first process has ended takes over at once', async ({ hub }) => {
    const { bot, one, other } = await firstAtWork(hub, () => undefined)
    one.store.kill()
    bot.answer = () => 'from the other'
    expect(await hub.deliver(other, '1')).toContain('from the other')
    expect(bot.asked).toHaveLength(2)
  })

  test('is handled by one of several processes that find the first one ended', async ({ hub }) => {
    const { bot, one, other, third } = await firstAtWork(hub, () => undefined)
    const retries = [hub.deliver(other, '1'), hub.deliver(third, '1'), hub.deliver(other, '1')]
    await hub.advance(second)
    one.store.kill()
    bot.answer = () => 'from one of them'
    await hub.advance(300)
    for (const retry of retries) expect(await retry).toContain('from one of them')
    expect(bot.asked).toHaveLength(2)
    await expectTheEnd(hub, 0)
  })

  test('is dropped with the reply where the route says so', async ({ hub }) => {
    const { bot, other } = await firstAtWork(hub, hub.slow(8 * second, 'too late'), 'drop')
    await hub.advance(3 * second)
    const retry = hub.deliver(other, '1')
    await hub.advance(5_100)
    expect(await retry).toBe('')
    expect(bot.asked).toHaveLength(1)
    await expectTheEnd(hub, 0)
  })
})

describe('a reply that was due when its process ended', () => {
  test('is asked for by another one, once', async ({ hub }) => {
    const { bot, one, first } = await firstAtWork(hub, () => undefined)
    await hub.advance(4_200)
    expect(await first).toBe('')
    one.store.kill()
    bot.answer = () => 'after all'
    await hub.advance(80 * second)
    await until(() => hub.told.length === 1)
    expect(hub.told).toMatchObject([{ text: { content: 'after all' } }])
    expect(bot.asked).toHaveLength(2)
    await expectTheEnd(hub, 1)
  })

  test('is not sent to the user who has had it from a retry', async ({ hub }) => {
    const { bot, one, other, first } = await firstAtWork(hub, () => undefined)
    await hub.advance(4_200)
    expect(await first).toBe('')
    one.store.kill()
    bot.answer = () => 'from the other'
    expect(await hub.deliver(other, '1')).toContain('from the other')
    await expectTheEnd(hub, 0)
    expect(bot.asked).toHaveLength(2)
  })

  test('is not sent by a process that only seemed to have ended', async ({ hub }) => {
    const { bot, one, other, first } = await firstAtWork(hub, hub.slow(6 * second, 'from the first'))
    await hub.advance(4_200)
    expect(await first).toBe('')
    one.store.alive = false
    bot.answer = () => 'from the other'
    expect(await hub.deliver(other, '1')).toContain('from the other')
    one.store.alive = true
    await hub.advance(3 * second)
    await expectTheEnd(hub, 0)
    expect(bot.asked).toHaveLength(2)
  })
})

describe('a route that lets WeChat ask again, at several processes', () => {
  test('gives the reply to the retry, wherever that comes, and sends it no other way', async ({ hub }) => {
    const { bot, one, other, first } = await firstAtWork(hub, hub.slow(8 * second, 'at the second'), 'retry')
    await hub.advance(5 * second)
    expect(await first).toBeUndefined()
    const retry = hub.deliver(other, '1')
    await hub.advance(3_200)
    expect(await retry).toContain('at the second')
    expect(happened(other, 'late')).toMatchObject([{ way: 'retry' }])
    expect(await hub.deliver(one, '1')).toContain('at the second')
    expect(bot.asked).toHaveLength(1)
    await expectTheEnd(hub, 0)
  })

  test.for([1, 2])('gives a reply that waits to the retry (at process %i)', async (at, { hub }) => {
    const { bot, one, other, first } = await firstAtWork(hub, hub.slow(4_700, 'in between'), 'retry')
    await hub.advance(5 * second)
    expect(await first).toBeUndefined()
    const retried = at === 1 ? one : other
    expect(await hub.store.list('outbox/')).toHaveLength(1)
    expect(await hub.deliver(retried, '1')).toContain('in between')
    expect(await hub.store.list('outbox/')).toEqual([])
    expect(happened(retried, 'late')).toMatchObject([{ way: 'retry' }])
    expect(await hub.deliver(at === 1 ? other : one, '1')).toContain('in between')
    expect(bot.asked).toHaveLength(1)
    await expectTheEnd(hub, 0)
  })

  test('sends it by customer service 15 s after it was ready, if no retry comes', async ({ hub }) => {
    const { one, other, first } = await firstAtWork(hub, hub.slow(4_700, 'kept'), 'retry')
    await hub.advance(5 * second)
    expect(await first).toBeUndefined()
    await hub.advance(14_500)
    expect(hub.told).toEqual([])
    await hub.advance(300)
    await until(() => hub.told.length === 1)
    expect(hub.told).toMatchObject([{ text: { content: 'kept' } }])
    expect(await hub.deliver(other, '1')).toBe('')
    expect(await hub.deliver(one, '1')).toBe('')
    await expectTheEnd(hub, 1)
  })

  test('sends it though the process that had it has ended', async ({ hub }) => {
    const { bot, one, first } = await firstAtWork(hub, hub.slow(4_700, 'kept'), 'retry')
    await hub.advance(5 * second)
    expect(await first).toBeUndefined()
    one.store.kill()
    await hub.advance(25 * second)
    await until(() => hub.told.length === 1)
    expect(bot.asked).toHaveLength(1)
    await expectTheEnd(hub, 1)
  })

  test('gives it to a retry though the process that had it has ended', async ({ hub }) => {
    const { bot, one, other, first } = await firstAtWork(hub, hub.slow(4_700, 'kept'), 'retry')
    await hub.advance(5 * second)
    expect(await first).toBeUndefined()
    one.store.kill()
    expect(await hub.deliver(other, '1')).toContain('kept')
    expect(bot.asked).toHaveLength(1)
    await expectTheEnd(hub, 0)
  })

  test('does not send what a retry is given while it is about to be sent', async ({ hub }) => {
    const { bot, one, other, third, first } = await firstAtWork(hub, hub.slow(4_700, 'kept'), 'retry')
    await hub.advance(5 * second)
    expect(await first).toBeUndefined()
    other.store.kill()
    third.store.kill()
    let goOn: (() => void) | undefined
    const { get } = one.store
    one.store.get = async (key) => {
      await new Promise<void>((resolve) => {
        goOn = resolve
      })
      return get.call(one.store, key)
    }
    await hub.advance(15 * second)
    await until(() => goOn !== undefined)
    for (const fresh of await hub.startMany(1, [jsonRoute(bot.url, { late: 'retry' })])) {
      expect(await hub.deliver(fresh, '1')).toContain('kept')
    }
    one.store.get = get
    goOn?.()
    await expectTheEnd(hub, 0)
  })

  test('either gives it or sends it when both are to happen at one time', async ({ hub }) => {
    const bot = await hub.backEnd(hub.slow(4_700, 'kept'))
    const [one, other] = await hub.startMany(2, [jsonRoute(bot.url, { late: 'retry' })])
    if (one === undefined || other === undefined) throw new Error('there are fewer')
    const ids = Array.from({ length: 40 }, (_, n) => String(n))
    const firsts = ids.map((id) => hub.deliver(one, id))
    await bot.askedTimes(ids.length)
    await hub.advance(5 * second)
    expect(new Set(await Promise.all(firsts))).toEqual(new Set([undefined]))
    await hub.advance(14_600)
    // From now on each may be sent in any turn.
    const sending = hub.advance(200)
    const retries: Promise<string | undefined>[] = []
    for (const id of ids) {
      retries.push(hub.deliver(other, id))
      if (Number(id) % 4 === 0) await manyTurns()
    }
    await sending
    await hub.advance(second)
    const given = (await Promise.all(retries)).filter((reply) => reply !== '')
    await until(() => hub.told.length + given.length >= ids.length)
    await expectTheEnd(hub, ids.length - given.length)
  })

  test.for([
    [0, 1, 2],
    [0, 1, 0],
    [0, 0, 1],
  ])('answers the third delivery of all success (at %i, %i and %i)', async (at, { hub }) => {
    const bot = await hub.backEnd(hub.slow(17 * second, 'at last'))
    const all = await hub.startMany(3, [jsonRoute(bot.url, { late: 'retry' })])
    const answers: (string | undefined)[] = []
    for (const process of at.flatMap((n) => all[n] ?? [])) {
      const answer = hub.deliver(process, '1')
      await bot.askedTimes(1)
      await hub.advance(5 * second)
      answers.push(await answer)
    }
    expect(answers).toEqual([undefined, undefined, ''])
    await hub.advance(3 * second)
    await until(() => hub.told.length === 1)
    expect(hub.told).toMatchObject([{ text: { content: 'at last' } }])
    expect(bot.asked).toHaveLength(1)
    await expectTheEnd(hub, 1)
  })

  test('has the reply sent that its third process promised, though the first one ends', async ({ hub }) => {
    const { bot, one, other, third } = await firstAtWork(hub, () => undefined, 'retry')
    await hub.advance(5 * second)
    for (const process of [other, third]) {
      const answer = hub.deliver(process, '1')
      await hub.advance(5 * second)
      expect(await answer).toBe(process === third ? '' : undefined)
    }
    one.store.kill()
    bot.answer = () => 'after all'
    await hub.advance(90 * second)
    await until(() => hub.told.length === 1)
    expect(bot.asked).toHaveLength(2)
    await expectTheEnd(hub, 1)
  })
})

describe('while the store is slow, a retry at another process', () => {
  test.for([350, 600])('waits for the one that is at work, and nobody is told twice (%i ms)', async (ms, { hub }) => {
    const bot = await hub.backEnd(hub.slow(6 * second, 'one reply'))
    const audit = await hub.backEnd()
    const routes = [jsonRoute(bot.url, { late: 'retry' }), observer(audit.url)]
    const [one, other] = await hub.startMany(2, routes)
    if (one === undefined || other === undefined) throw new Error('there are fewer')
    const first = hub.deliver(one, '1')
    await bot.askedTimes(1)
    await hub.advance(5 * second)
    expect(await first).toBeUndefined()
    slowDown(other.store, ms)
    const retry = hub.deliver(other, '1')
    await hub.advance(3 * second)
    expect(await retry).toContain('one reply')
    await expectTheEnd(hub, 0)
    expect(bot.asked).toHaveLength(1)
    expect(audit.asked).toHaveLength(1)
  })

  test('is counted, so that the third of all is answered success', async ({ hub }) => {
    const { bot, other, third, first } = await firstAtWork(hub, hub.slow(17 * second, 'at last'), 'retry')
    await hub.advance(5 * second)
    const answers = [await first]
    for (const process of [other, third]) {
      slowDown(process.store, 350)
      const answer = hub.deliver(process, '1')
      await hub.advance(5 * second)
      answers.push(await answer)
    }
    expect(answers).toEqual([undefined, undefined, ''])
    await expectTheEnd(hub, 1)
    expect(bot.asked).toHaveLength(1)
  })

  test.for([300, 400])('takes over from one that has ended, once (%i ms)', async (ms, { hub }) => {
    const bot = await hub.backEnd(() => undefined)
    const audit = await hub.backEnd()
    const [one, other] = await hub.startMany(2, [jsonRoute(bot.url), observer(audit.url)])
    if (one === undefined || other === undefined) throw new Error('there are fewer')
    void hub.deliver(one, '1')
    await bot.askedTimes(1)
    await audit.askedTimes(1)
    await manyTurns()
    one.store.kill()
    bot.answer = () => 'from the other'
    slowDown(other.store, ms)
    const retry = hub.deliver(other, '1')
    await hub.advance(4 * second)
    expect(await retry).toContain('from the other')
    await expectTheEnd(hub, 0)
    expect(bot.asked).toHaveLength(2)
    expect(audit.asked).toHaveLength(1)
  })
})

describe('while the store is away', () => {
  test('each process answers from memory, and its retries with the same', async ({ hub }) => {
    const bot = await hub.backEnd(() => 'a reply')
    const [one] = await hub.startMany(1, [jsonRoute(bot.url)])
    if (one === undefined) throw new Error('there are fewer')
    one.store.away = true
    const reply = await hub.deliver(one, '1')
    expect(reply).toContain('a reply')
    expect(await hub.deliver(one, '1')).toBe(reply)
    expect(bot.asked).toHaveLength(1)
    expect(happened(one, 'store-failed')).toMatchObject([{ operation: 'claim' }, { operation: 'finish' }])
  })

  test('a late reply is sent all the same, once, and nobody asks for it again when the store is back', async ({
    hub,
  }) => {
    const { bot, one, other, first } = await firstAtWork(hub, hub.slow(8 * second, 'late'))
    await hub.advance(4_200)
    expect(await first).toBe('')
    one.store.away = true
    await hub.advance(4 * second)
    await until(() => hub.told.length === 1)
    one.store.away = false
    await hub.advance(10 * second)
    expect(await hub.deliver(other, '1')).toBe('')
    await expectTheEnd(hub, 1)
    expect(bot.asked).toHaveLength(1)
  })

  test('a kept reply is sent from memory, unless a retry gets it', async ({ hub }) => {
    const { bot, one, first } = await firstAtWork(hub, hub.slow(4_700, 'kept'), 'retry')
    const another = hub.deliver(one, '2')
    await bot.askedTimes(2)
    one.store.away = true
    await hub.advance(5 * second)
    expect([await first, await another]).toEqual([undefined, undefined])
    expect(await hub.deliver(one, '1')).toContain('kept')
    await hub.advance(15 * second)
    await until(() => hub.told.length === 1)
    one.store.away = false
    await hub.advance(10 * second)
    await expectTheEnd(hub, 1)
    expect(bot.asked).toHaveLength(2)
  })

  test('a reply that was given is known to the others as soon as the store is back', async ({ hub }) => {
    const { bot, one, other, first } = await firstAtWork(hub, hub.slow(second, 'a reply'))
    one.store.away = true
    await hub.advance(1_100)
    expect(await first).toContain('a reply')
    one.store.away = false
    await hub.advance(6 * second)
    expect(await hub.deliver(other, '1')).toContain('a reply')
    expect(bot.asked).toHaveLength(1)
  })

  test('a process that waits for another one leaves the reply to that', async ({ hub }) => {
    const { bot, other, first } = await firstAtWork(hub, hub.slow(6 * second, 'late'))
    await hub.advance(2 * second)
    const retry = hub.deliver(other, '1')
    await hub.advance(second)
    other.store.away = true
    await hub.advance(4 * second)
    expect([await first, await retry]).toEqual(['', ''])
    await until(() => hub.told.length === 1)
    other.store.away = false
    await expectTheEnd(hub, 1)
    expect(bot.asked).toHaveLength(1)
  })
})

describe('a mini program with several processes', () => {
  test('gets its reply by customer service once, and success everywhere', async ({ hub }) => {
    const bot = await hub.backEnd(hub.slow(2 * second, 'hello'))
    const routes = [jsonRoute(bot.url)]
    const [one, other] = [await hub.start(routes, 'miniprogram'), await hub.start(routes, 'miniprogram')]
    const first = hub.deliver(one, '1')
    await bot.askedTimes(1)
    const retry = hub.deliver(other, '1')
    await hub.advance(2_300)
    expect([await first, await retry]).toEqual(['', ''])
    await until(() => hub.told.length === 1)
    expect(bot.asked).toHaveLength(1)
    await expectTheEnd(hub, 1)
  })
})
