import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BackEndFault } from '../../src/callback/back-end-fault.js'
import type { CallbackEvent } from '../../src/callback/callback-event.js'
import { type Job, newJobId } from '../../src/callback/job.js'
import { Outbox, type OutboxOptions } from '../../src/callback/outbox.js'
import { memoryStore } from '../../src/stores/level.js'
import { StoreError } from '../../src/stores/store.js'
import { MovableClock } from '../support/movable-clock.js'
import { SharedStore, type SharingProcess } from '../support/shared-store.js'
import { until } from '../support/until.js'
import { manyTurns } from './with-hub.js'

const appID = 'wx0123456789abcdef'
/** How long a job is its process's, in ms: 10 s for its sending, and a minute more. */
const lease = 70_000
const aLook = 6_000

let clock: MovableClock
let store: SharedStore
let boxes: Outbox[]

beforeEach(async () => {
  clock = new MovableClock()
  store = await SharedStore.open(clock)
  boxes = []
})

afterEach(async () => {
  for (const box of boxes) void box.close()
  await store.close()
})

interface Process {
  readonly box: Outbox
  readonly store: SharingProcess
  readonly sent: string[]
  readonly events: CallbackEvent[]
}

async function start(options: Partial<OutboxOptions> = {}, own = store.process()): Promise<Process> {
  const sent: string[] = []
  const events: CallbackEvent[] = []
  const box = new Outbox({
    ...{ store: own, clock: own.clock, random: () => 0.5, appIDs: [appID], longest: () => 10_000 },
    send: async ({ id }) => {
      sent.push(id)
    },
    isFinal: () => false,
    observe: (_appID, event) => events.push(event),
    ...options,
  })
  boxes.push(box)
  await box.start()
  return { box, store: own, sent, events }
}

const hangs = () => new Promise<never>(() => undefined)

function job(more: Partial<Job> = {}): Job {
  const now = clock.now()
  const about = { to: 'http://a.example/', text: '', about: 'a' }
  return { id: newJobId(now), kind: 'copy', appID, ...about, accepted: now, attempts: 0, ...more }
}

it('sends each of many jobs once, at whichever process', async () => {
  const send = (sent: string[]) => async (each: Job) => {
    await manyTurns()
    sent.push(each.id)
  }
  const [ones, others]: [string[], string[]] = [[], []]
  const one = await start({ send: send(ones) })
  const other = await start({ send: send(others) })
  const jobs = Array.from({ length: 500 }, () => job())
  await Promise.all(jobs.map((each, n) => (n % 2 === 0 ? one : other).box.add(each)))
  await until(() => ones.length + others.length >= jobs.length)
  await store.advance(2 * lease)
  expect([...ones, ...others].toSorted()).toEqual(jobs.map(({ id }) => id).toSorted())
  expect(Math.min(ones.length, others.length)).toBeGreaterThan(0)
  expect(await store.list('outbox/')).toEqual([])
})

it('sends what another process has put there and has not sent', async () => {
  const one = await start({ send: hangs })
  const other = await start()
  for (let n = 0; n < 30; n += 1) await one.box.add(job({ to: `http://${n % 5}.example/` }))
  await manyTurns()
  one.store.kill()
  await store.advance(aLook)
  expect(other.sent).toEqual([])
  await store.advance(lease)
  expect(new Set(other.sent).size).toBe(30)
  expect(other.sent).toHaveLength(30)
})

it('sends what a process that ended had taken when it can not be sending it any more, and not before', async () => {
  const sending: string[] = []
  const one = await start({
    send: ({ id }) => {
      sending.push(id)
      return hangs()
    },
  })
  const other = await start()
  const jobs = Array.from({ length: 20 }, () => job())
  for (const each of jobs) await one.box.add(each)
  await until(() => sending.length === 8)
  one.store.kill()
  await store.advance(aLook)
  expect(other.sent).toHaveLength(12)
  await store.advance(lease - aLook - 100)
  expect(other.sent).toHaveLength(12)
  await store.advance(aLook + 200)
  expect(other.sent.toSorted()).toEqual(jobs.map(({ id }) => id).toSorted())
})

it.each(['sent', 'failed'])(
  'leaves a job that took too long (%s) to the process that has taken it since',
  async (how) => {
    const ends: ((error?: Error) => void)[] = []
    const send = () =>
      new Promise<void>((resolve, reject) => {
        ends.push((error) => (error === undefined ? resolve() : reject(error)))
      })
    const one = await start({ send })
    const each = job()
    await one.box.add(each)
    await until(() => ends.length === 1)
    const other = await start({ send })
    await store.advance(lease + aLook)
    expect(ends).toHaveLength(2)
    ends[0]?.(how === 'sent' ? undefined : new Error('not sent'))
    await until(() => one.events.length > 0)
    await manyTurns()
    expect(await store.list('outbox/')).toHaveLength(1)
    ends[1]?.(new Error('not sent'))
    await until(() => other.events.length > 0)
    await manyTurns()
    const left = (await store.list('outbox/')).map(({ value }) => JSON.parse(value))
    expect(left).toMatchObject([{ id: each.id, attempts: 1 }])
  },
)

/** The next lease of this process is made, or not, `after` ms later; at once the store says that it is away. */
function loseTheNextLease({ store: own }: Process, { made, after = 0 }: { made: boolean; after?: number }): void {
  const { replace } = own
  own.replace = async (...asked) => {
    own.replace = replace
    if (made && after === 0) await replace.apply(own, asked)
    else if (made) clock.after(after, () => void replace.apply(own, asked))
    throw new StoreError('STORE_AWAY', 'the store does not answer')
  }
}

describe('a lease that the store made without saying so', () => {
  it('is taken up, and the job sent once', async () => {
    const one = await start()
    const other = await start()
    loseTheNextLease(one, { made: true })
    await one.box.add(job())
    await store.advance(10_000)
    expect(one.sent).toHaveLength(1)
    await store.advance(2 * lease)
    expect([...one.sent, ...other.sent]).toHaveLength(1)
    expect(await store.list('outbox/')).toEqual([])
    expect(one.events).toMatchObject([{ type: 'store-failed', operation: 'outbox' }, { type: 'sent' }])
  })

  it('is taken up though it was made after the store had been asked for it', async () => {
    const one = await start()
    loseTheNextLease(one, { made: true, after: 12_000 })
    const [first, second] = [job(), job()]
    await one.box.add(first)
    // What looks for the lease takes the first key too: another process has it until it gives it back.
    const [waiting] = await store.list('outbox/')
    if (waiting === undefined) throw new Error('nothing waits')
    await store.ask((all) => all.write([{ remove: waiting.key }]))
    await store.advance(11_000)
    await store.ask((all) => all.write([{ put: waiting }]))
    await store.advance(1_100)
    await one.box.add(second)
    await store.advance(15_000)
    expect(one.sent.toSorted()).toEqual([first.id, second.id].toSorted())
    expect(await store.list('outbox/')).toEqual([])
  })

  it('is taken up after the store was away for longer', async () => {
    const one = await start()
    loseTheNextLease(one, { made: true })
    await one.box.add(job())
    await manyTurns()
    one.store.away = true
    await store.advance(30_000)
    one.store.away = false
    await store.advance(10_000)
    expect(one.sent).toHaveLength(1)
    expect(await store.list('outbox/')).toEqual([])
  })

  it('is not taken for the one that another process had in the same instant', async () => {
    const one = await start()
    const other = await start({ send: hangs })
    loseTheNextLease(one, { made: false })
    const each = job()
    await one.box.add(each)
    other.box.added([each])
    await manyTurns()
    const leased = await store.list('outbox/')
    expect(leased).toHaveLength(1)
    await store.advance(lease - 1)
    expect(one.sent).toEqual([])
    expect(await store.list('outbox/')).toEqual(leased)
  })
})

it('does not ask again and again for a lease that the store refuses, though it can be read', async () => {
  const one = await start()
  const { replace } = one.store
  let refused = 0
  one.store.replace = async () => {
    refused += 1
    throw new StoreError('STORE_AWAY', 'the store takes nothing at present')
  }
  await one.box.add(job())
  await manyTurns()
  expect(refused).toBe(1)
  await store.advance(60_000)
  expect(refused).toBeLessThan(20)
  one.store.replace = replace
  await store.advance(15_000)
  expect(one.sent).toHaveLength(1)
})

it('gives back at once what it was sending when it was closed', async () => {
  let end: (error: Error) => void = () => undefined
  const one = await start({
    send: () =>
      new Promise((_resolve, reject) => {
        end = reject
      }),
  })
  await one.box.add(job())
  await manyTurns()
  const closed = one.box.close()
  end(new BackEndFault('ended'))
  await closed
  const other = await start()
  await manyTurns()
  expect(other.sent).toHaveLength(1)
})

it('knows how much waits, at each process, a few seconds later', async () => {
  let up = false
  const send = async () => {
    if (!up) throw new Error('down')
  }
  const [one, other] = [await start({ send }), await start({ send })]
  expect([one.box.depth(appID), other.box.depth(appID)]).toEqual([0, 0])
  for (let n = 0; n < 20; n += 1) await one.box.add(job({ to: `http://${n}.example/` }))
  await store.advance(aLook)
  expect([one.box.depth(appID), other.box.depth(appID)]).toEqual([20, 20])
  const third = await start({ send })
  expect(third.box.depth(appID)).toBe(20)
  up = true
  await store.advance(60_000)
  expect([one.box.depth(appID), other.box.depth(appID), third.box.depth(appID)]).toEqual([0, 0, 0])
})

it('does not touch the jobs of accounts that it does not have', async () => {
  const one = await start({ appIDs: ['wxOther', appID], send: hangs })
  await one.box.add(job({ appID: 'wxOther' }))
  one.store.kill()
  const other = await start()
  await store.advance(2 * lease)
  expect(other.sent).toEqual([])
  expect(await store.list('outbox/wxOther/')).toHaveLength(1)
  const back = await start({ appIDs: ['wxOther'] })
  await store.advance(aLook)
  expect(back.sent).toHaveLength(1)
})

it('lets go of a job that nobody has sent for a month', async () => {
  const one = await start({ send: hangs })
  await one.box.add(job())
  one.store.kill()
  clock.freeze(31 * 86_400_000)
  expect(await store.list('outbox/')).toEqual([])
})

it('looks with one call where nothing waits', async () => {
  const one = await start()
  let calls = 0
  const { list, count } = one.store
  one.store.list = (range) => {
    calls += 1
    return list.call(one.store, range)
  }
  one.store.count = (prefix) => {
    calls += 1
    return count.call(one.store, prefix)
  }
  await store.advance(50_000)
  expect(calls).toBe(10)
})

it('says once that the store is away, and goes on when it is back', async () => {
  const one = await start()
  const other = await start({ send: hangs })
  one.store.away = true
  await store.advance(10 * aLook)
  expect(one.events).toMatchObject([{ type: 'store-failed', operation: 'outbox' }])
  other.store.kill()
  await store.ask((all) => all.write([other.box.adding(job())]))
  one.store.away = false
  await store.advance(aLook)
  expect(one.sent).toHaveLength(1)
})

it('takes and sends a job with three changes among processes, and with two alone', async () => {
  const shared = await start()
  await shared.box.add(job())
  await until(() => shared.events.length === 1)
  await manyTurns()
  expect(shared.store.writes).toBe(3)
  const alone = store.process()
  const box = new Outbox({
    store: Object.assign(await memoryStore({ clock }), {
      write: alone.write.bind(alone),
      list: alone.list.bind(alone),
    }),
    ...{ clock, random: () => 0, appIDs: [appID], longest: () => 10_000, isFinal: () => false },
    send: async () => undefined,
    observe: () => undefined,
  })
  boxes.push(box)
  await box.start()
  await box.add(job())
  await until(() => box.depth(appID) === 0)
  expect(alone.writes).toBe(2)
})
