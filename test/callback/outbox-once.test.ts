import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Job, newJobId } from '../../src/callback/job.js'
import { Outbox, type OutboxOptions } from '../../src/callback/outbox.js'
import { BreakableStore } from '../support/breakable-store.js'
import { MovableClock } from '../support/movable-clock.js'
import { until } from '../support/until.js'
import { manyTurns } from './with-hub.js'

const appID = 'wx0123456789abcdef'
const clock = new MovableClock()
let store: BreakableStore
let sent: string[]

beforeEach(async () => {
  store = await BreakableStore.open(clock)
  sent = []
})

afterEach(() => store.close())

function unstarted(options: Partial<OutboxOptions> = {}): Outbox {
  const send = async ({ id }: Job) => {
    sent.push(id)
  }
  const usual = { store, clock, appIDs: [appID], longest: () => 10_000, random: () => 0, send, isFinal: () => false }
  return new Outbox({ ...usual, observe: () => undefined, ...options })
}

async function outbox(options: Partial<OutboxOptions> = {}): Promise<Outbox> {
  const box = unstarted(options)
  await box.start()
  return box
}

function job(text = ''): Job {
  const now = clock.now()
  return {
    id: newJobId(now),
    kind: 'copy',
    appID,
    to: 'http://a.example/',
    text,
    about: 'a',
    accepted: now,
    attempts: 0,
  }
}

it('sends a job once, though the store’s answer still holds it when it has been sent', async () => {
  let release: () => void = () => undefined
  let lists = 0
  store.hold = async (operation) => {
    if (operation !== 'list') return
    lists += 1
    // The second look at what is due: the first job is under way then.
    if (lists === 2) {
      await new Promise<void>((resolve) => {
        release = resolve
      })
    }
  }
  const ends: (() => void)[] = []
  const box = await outbox({
    async send({ id }) {
      sent.push(id)
      await new Promise<void>((resolve) => ends.push(resolve))
    },
  })
  lists = 0
  await box.add(job('first'))
  await until(() => ends.length === 1)
  await box.add(job('second'))
  await until(() => lists === 2)
  ends[0]?.()
  await until(() => box.depth(appID) === 1)
  release()
  await until(() => ends.length === 2)
  ends[1]?.()
  await until(() => box.depth(appID) === 0)
  await manyTurns()
  expect(sent).toHaveLength(2)
  expect(new Set(sent).size).toBe(2)
})

it('sends each of many once, whatever comes while it looks', async () => {
  const box = await outbox()
  const jobs = Array.from({ length: 500 }, () => job())
  await Promise.all(jobs.map((each) => box.add(each)))
  await until(() => box.depth(appID) <= 0)
  await manyTurns()
  expect(sent.toSorted()).toEqual(jobs.map(({ id }) => id).toSorted())
  expect(box.depth(appID)).toBe(0)
})

it.each([
  ['the shortest', () => 0, 0.5],
  ['the longest', () => 0.999_999, 1],
])('draws pauses between %s and the longest of their doubling bounds', async (_which, random, share) => {
  const pauses: number[] = []
  const box = await outbox({
    random,
    send: () => Promise.reject(new Error('down')),
    observe: (_appID, event) => {
      if (event.type === 'not-sent' && event.retryIn !== undefined) pauses.push(event.retryIn)
    },
  })
  await box.add(job())
  for (let tries = 1; tries <= 16; tries += 1) {
    await until(() => pauses.length === tries)
    await manyTurns()
    await clock.advance(Math.ceil(pauses.at(-1) ?? 0))
  }
  for (const [n, pause] of pauses.slice(0, 16).entries()) {
    expect(pause / Math.min(3_600_000, 1_000 * 2 ** n)).toBeCloseTo(share, 3)
  }
})

it('goes on after the store has failed', async () => {
  const failures: string[] = []
  const box = await outbox({
    observe: (_appID, event) => event.type === 'store-failed' && failures.push(event.operation),
  })
  const first = job()
  await box.add(first)
  await until(() => box.depth(appID) === 0)
  await store.write([box.adding(job()), box.adding(job())])
  store.broken = true
  box.added([job(), job()])
  await until(() => failures.length >= 1)
  store.broken = false
  await clock.advance(10_000)
  await until(() => sent.length === 3)
})

it('takes nothing up when it is closed', async () => {
  const box = await outbox()
  await box.close()
  await box.add(job())
  await clock.advance(60_000)
  await manyTurns()
  expect(sent).toEqual([])
  await outbox()
  await until(() => sent.length === 1)
})

it('sends a job once, though the store does not take for a while that it was sent', async () => {
  const box = await outbox({
    async send({ id }) {
      sent.push(id)
      store.broken = true
    },
    observe: (_appID, event) => event.type === 'store-failed' && failed.push(event.operation),
  })
  const failed: string[] = []
  await box.add(job())
  for (const failures of [1, 2]) {
    await until(() => failed.length >= failures)
    await clock.advance(10_000)
  }
  store.broken = false
  await manyTurns()
  await clock.advance(10_000)
  await until(() => box.depth(appID) === 0)
  await manyTurns()
  expect(sent).toHaveLength(1)
})

it('does not send what is due, but whose time is over: that is a dead letter', async () => {
  const box = await outbox()
  const old = { ...job(), accepted: clock.now() - 86_400_001 }
  await box.add(old)
  await until(() => box.depth(appID) === 0)
  expect(sent).toEqual([])
  const letters = await box.deadLetters.list(appID, { limit: 10 })
  expect(letters).toMatchObject([{ id: old.id, error: 'its time was over before its turn came' }])
})

it('sends nothing before it has counted what is there, and counts nothing twice', async () => {
  const first = await outbox({ send: () => new Promise(() => undefined) })
  await first.add(job())
  void first.close()
  await clock.advance(1)
  const box = unstarted()
  await box.add(job())
  await manyTurns()
  expect(sent).toEqual([])
  const started = box.start()
  await box.add(job())
  await started
  await until(() => box.depth(appID) <= 0)
  await manyTurns()
  expect([sent.length, box.depth(appID)]).toEqual([3, 0])
})
