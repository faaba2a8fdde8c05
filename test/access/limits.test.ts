import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Limits } from '../../src/access/limits.js'
import type { HttpError } from '../../src/http/error.js'
import { type SharedCounts, StoreError } from '../../src/stores/store.js'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** Which of so many requests, one after the other, are refused. */
async function refusalsOf(
  times: number,
  ask: () => HttpError | undefined | Promise<HttpError | undefined>,
): Promise<(number | undefined)[]> {
  const statuses: (number | undefined)[] = []
  for (let i = 0; i < times; i += 1) statuses.push((await ask())?.status)
  return statuses
}

describe('the limit of a client', () => {
  it('takes so many requests a minute, refuses the others, and tells when the minute is over', async () => {
    const limits = new Limits({ clientPerMinute: 3, refusedPerMinute: 0 })
    expect(await refusalsOf(3, () => limits.client('crm'))).toEqual([undefined, undefined, undefined])
    expect(await limits.client('crm')).toMatchObject({ status: 429, errcode: -429, retryAfter: 60 })
    vi.advanceTimersByTime(59_001)
    expect(await limits.client('crm')).toMatchObject({ status: 429, retryAfter: 1 })
    vi.advanceTimersByTime(998)
    expect(await limits.client('crm')).toMatchObject({ status: 429, retryAfter: 1 })
    vi.advanceTimersByTime(1)
    expect(await refusalsOf(4, () => limits.client('crm'))).toEqual([undefined, undefined, undefined, 429])
  })

  it('counts a burst of one instant exactly', () => {
    const limits = new Limits({ clientPerMinute: 100, refusedPerMinute: 0 })
    for (let i = 0; i < 100; i += 1) expect(limits.client('crm')).toBeUndefined()
    expect(limits.client('crm')).toMatchObject({ status: 429 })
  })

  it('is its own', async () => {
    const limits = new Limits({ clientPerMinute: 1, refusedPerMinute: 1 })
    expect(await refusalsOf(2, () => limits.client('crm'))).toEqual([undefined, 429])
    expect(await refusalsOf(2, () => limits.client('erp'))).toEqual([undefined, 429])
    expect(await refusalsOf(2, () => limits.stranger('crm'))).toEqual([undefined, 429])
  })

  it('is not prolonged by a clock that is set back', async () => {
    const limits = new Limits({ clientPerMinute: 1, refusedPerMinute: 0 })
    await refusalsOf(2, () => limits.client('crm'))
    vi.setSystemTime(Date.now() - 3_600_000)
    vi.advanceTimersByTime(60_000)
    expect(await limits.client('crm')).toBeUndefined()
  })
})

describe('the limit of an address', () => {
  const limits = (refusedPerMinute: number) => new Limits({ clientPerMinute: 0, refusedPerMinute })

  it('takes so many requests a minute', async () => {
    const { stranger } = bound(limits(2))
    expect(await refusalsOf(3, () => stranger('192.0.2.1'))).toEqual([undefined, undefined, 429])
    vi.advanceTimersByTime(60_000)
    expect(await refusalsOf(3, () => stranger('192.0.2.1'))).toEqual([undefined, undefined, 429])
  })

  it('is one for an IPv4 address in both spellings, and for a /64 of IPv6', async () => {
    const { stranger } = bound(limits(1))
    await stranger('192.0.2.1')
    expect(await stranger('::ffff:192.0.2.1')).toMatchObject({ status: 429 })
    expect(await stranger('192.0.2.2')).toBeUndefined()
    await stranger('2001:db8::1')
    expect(await stranger('2001:db8::ffff:1')).toMatchObject({ status: 429 })
    expect(await stranger('2001:db8:0:1::1')).toBeUndefined()
  })

  it('remembers 10,000 addresses, and of one more forgets the one counted the longest ago', async () => {
    const { stranger } = bound(limits(1))
    const address = (i: number) => `10.0.${i >> 8}.${i & 255}`
    for (let i = 0; i < 10_000; i += 1) await stranger(address(i))
    expect((await stranger(address(0)))?.status).toBe(429)
    expect(await stranger(address(10_000))).toBeUndefined()
    expect((await stranger(address(1)))?.status).toBe(429)
    expect(await stranger(address(0))).toBeUndefined()
  })
})

describe('the limit of pages', () => {
  it('counts an address, a /64 of IPv6 as one, apart from clients and strangers', async () => {
    const limits = new Limits({ clientPerMinute: 1, refusedPerMinute: 1, pagesPerMinute: 2 })
    const page = (address: string) => () => limits.page(address)
    expect(await refusalsOf(3, page('2001:db8::1'))).toEqual([undefined, undefined, 429])
    expect(await refusalsOf(1, page('2001:db8::ffff:2'))).toEqual([429])
    expect(await refusalsOf(1, page('2001:db8:0:1::1'))).toEqual([undefined])
    expect(await refusalsOf(2, page('::ffff:192.0.2.1'))).toEqual([undefined, undefined])
    expect(await refusalsOf(1, page('192.0.2.1'))).toEqual([429])
    expect(await refusalsOf(2, () => limits.stranger('192.0.2.1'))).toEqual([undefined, 429])
    expect(limits.page('192.0.2.1')).toMatchObject({ status: 429, retryAfter: 60 })
    vi.advanceTimersByTime(60_000)
    expect(await refusalsOf(3, page('192.0.2.1'))).toEqual([undefined, undefined, 429])
  })

  it('forgets the address that was counted the longest ago when there are too many', async () => {
    const limits = new Limits({ clientPerMinute: 0, refusedPerMinute: 0, pagesPerMinute: 1 })
    const address = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`
    for (let n = 0; n < 10_000; n += 1) limits.page(address(n))
    expect(limits.page(address(0))?.status).toBe(429)
    limits.page(address(10_000))
    expect(limits.page(address(1))?.status).toBe(429)
    expect(limits.page(address(0))).toBeUndefined()
  })
})

it('is no limit where it is 0', async () => {
  const limits = new Limits({ clientPerMinute: 0, refusedPerMinute: 0 })
  for (let i = 0; i < 10_000; i += 1) {
    expect(await limits.client('crm')).toBeUndefined()
    expect(await limits.stranger('192.0.2.1')).toBeUndefined()
    expect(limits.page('192.0.2.1')).toBeUndefined()
  }
})

it('tells of each refusal, by its limit', async () => {
  const told: string[] = []
  const rates = { clientPerMinute: 1, refusedPerMinute: 2, pagesPerMinute: 3 }
  const limits = new Limits(rates, { refused: (limit) => told.push(limit) })
  await refusalsOf(3, () => limits.client('crm'))
  await refusalsOf(3, () => limits.stranger('192.0.2.1'))
  await refusalsOf(4, () => limits.page('192.0.2.1'))
  expect(told).toEqual(['client', 'client', 'address', 'page'])
})

describe('processes that count together', () => {
  /** What they share; `away` while it does not answer. */
  function sharedCounts() {
    const counts = new Map<string, { count: number; endsAt: number }>()
    const state = { away: false, calls: 0 }
    const shared: SharedCounts = {
      add(name, count, ms) {
        state.calls += 1
        if (state.away) return Promise.reject(new StoreError('STORE_AWAY', 'it is away'))
        const known = counts.get(name)
        const now = performance.now()
        const found = known !== undefined && now < known.endsAt ? known : { count: 0, endsAt: now + ms }
        found.count += count
        counts.set(name, found)
        return Promise.resolve({ count: found.count, endsIn: found.endsAt - now })
      },
    }
    return { shared, state }
  }

  const exchanged = () => vi.advanceTimersByTimeAsync(100)

  it('refuse what is too much of all of them', async () => {
    const { shared } = sharedCounts()
    const [one, two] = [1, 2].map(() => new Limits({ clientPerMinute: 6, refusedPerMinute: 0 }, { counts: shared }))
    expect(await refusalsOf(3, () => one?.client('crm'))).toEqual([undefined, undefined, undefined])
    expect(await refusalsOf(2, () => two?.client('crm'))).toEqual([undefined, undefined])
    await exchanged()
    expect(await refusalsOf(1, () => two?.client('crm'))).toEqual([undefined])
    await exchanged()
    expect(await refusalsOf(1, () => two?.client('crm'))).toEqual([429])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await refusalsOf(1, () => two?.client('crm'))).toEqual([undefined])
  })

  it('ask the store ten times a second at most for a key, and not at all while nobody comes', async () => {
    const { shared, state } = sharedCounts()
    const limits = new Limits({ clientPerMinute: 100_000, refusedPerMinute: 0 }, { counts: shared })
    for (let n = 0; n < 1000; n += 1) limits.client('crm')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(state.calls).toBe(1)
  })

  it('count alone while the store is away', async () => {
    const { shared, state } = sharedCounts()
    state.away = true
    const limits = new Limits({ clientPerMinute: 2, refusedPerMinute: 0 }, { counts: shared })
    expect(await refusalsOf(1, () => limits.client('crm'))).toEqual([undefined])
    await exchanged()
    expect(await refusalsOf(2, () => limits.client('crm'))).toEqual([undefined, 429])
  })
})

function bound(limits: Limits) {
  return { stranger: (address: string) => limits.stranger(address) }
}
