import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLevel, type StoreEvent } from '../../src/stores/level.js'
import type { Database } from '../../src/stores/level-database.js'
import { LevelStore } from '../../src/stores/level-store.js'
import { Child } from '../support/child.js'
import type { LevelCommands } from '../support/child-level.js'
import { MovableClock, turn } from '../support/movable-clock.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

let folder: string
let clock: MovableClock

beforeEach(() => {
  folder = temporaryFolder()
  clock = new MovableClock()
})

afterEach(async () => {
  await Child.killAll()
  removeFolder(folder)
})

describe('a disk that takes no more', () => {
  it.each(['ends', 'is killed'])('loses nothing that was acknowledged, when the process %s', async (how) => {
    // A log may be 100 KiB long: the disk is full once in each 100 KiB, and has room as soon as LevelDB begins a new log.
    const child = await Child.start<LevelCommands>('child-level', {}, { disk: 200 })
    expect(await child.ask('open', folder)).toEqual([])
    const { written, refused } = await child.ask('writePairs', 2000)
    const told = await child.ask('events')
    if (how === 'ends') await child.ask('close')
    await child.kill()
    const codes = Object.values(refused)
    expect(new Set(codes)).toEqual(new Set(['STORE_FAILED', 'STORE_AWAY']))
    expect(told.filter((type) => type === 'store-away').length).toBeGreaterThan(3)
    expect(told.filter((type) => type === 'store-back').length).toBeGreaterThan(3)

    const events: StoreEvent[] = []
    const store = await openLevel(folder, { clock, onEvent: (event) => events.push(event) })
    const [one, two] = await Promise.all(['one/', 'two/'].map((prefix) => store.list({ prefix, limit: 100_000 })))
    await store.close()
    const numbers = (one ?? []).map(({ value }) => Number.parseInt(value, 10))
    expect(two?.map(({ value }) => Number.parseInt(value, 10))).toEqual(numbers)
    const there = new Set(numbers)
    expect(written.filter((number) => !there.has(number))).toEqual([])
    expect(Object.keys(refused).filter((number) => there.has(Number(number)))).toEqual([])
    expect(events).toEqual([])
  })
})

describe('a store whose database has failed to write', () => {
  let level: ClassicLevel
  let store: LevelStore
  let told: string[]
  /** Whether the disk is full. */
  let full: boolean
  /** Whether the database stays open while it is. */
  let staysOpen: boolean
  let tries: number
  let batches: number

  beforeEach(async () => {
    level = new ClassicLevel(folder)
    await level.open()
    told = []
    full = false
    staysOpen = true
    tries = 0
    batches = 0
    const failing: Database = {
      getSync: (key) => level.getSync(key),
      hasMany: (keys) => level.hasMany(keys),
      batch(operations) {
        batches += 1
        return full ? Promise.reject(new Error('no space')) : level.batch(operations)
      },
      keys: (range) => level.keys(range),
      iterator: (range) => level.iterator(range),
      close: () => level.close(),
    }
    store = new LevelStore(failing, {
      clock,
      sweepFailed: () => undefined,
      away: ({ code, cause }) => told.push(`${code}: ${cause}`),
      back: () => told.push('back'),
      async reopen() {
        tries += 1
        if (full && staysOpen) throw new Error('no space')
        await level.close()
        if (full) throw new Error('no space')
        await level.open()
      },
    })
    await put('a')
  })

  afterEach(() => store.close())

  const put = (key: string) => store.write([{ put: { key, value: key } }])
  const refusal = (work: Promise<unknown>) => work.then(String, (error) => error.code)

  it('takes no change until it has been opened anew, which is tried each second; and answers questions meanwhile', async () => {
    full = true
    expect(await refusal(put('b'))).toBe('STORE_FAILED')
    for (const second of [1, 2, 3]) {
      expect(await refusal(put('c'))).toBe('STORE_AWAY')
      expect(await refusal(store.putIfAbsent({ key: 'c', value: 'c' }))).toBe('STORE_AWAY')
      expect([await store.get('a'), await store.list({ prefix: '', limit: 9 })]).toMatchObject(['a', [{ key: 'a' }]])
      await clock.advance(999)
      expect(tries).toBe(second)
      await clock.advance(1)
    }
    full = false
    await clock.advance(999)
    expect(await refusal(put('c'))).toBe('STORE_AWAY')
    await clock.advance(1)
    await expect.poll(() => refusal(put('d')), { interval: 1 }).toBe('undefined')
    expect(told).toEqual(['STORE_AWAY: Error: no space', 'back'])
    expect((await store.list({ prefix: '', limit: 9 })).map(({ key }) => key)).toEqual(['a', 'd'])
  })

  it('refuses questions too while it can’t be opened', async () => {
    full = true
    staysOpen = false
    await refusal(put('b'))
    await expect.poll(() => refusal(store.get('a')), { interval: 1 }).toBe('STORE_AWAY')
    expect(await refusal(store.list({ prefix: '', limit: 9 }))).toBe('STORE_AWAY')
    full = false
    await clock.advance(1000)
    await expect.poll(() => refusal(store.get('a')), { interval: 1 }).toBe('a')
    await expect.poll(() => refusal(put('d')), { interval: 1 }).toBe('undefined')
  })

  it('lets a question that is under way come to an end', async () => {
    await store.write(Array.from({ length: 1000 }, (_, index) => ({ put: { key: `list/${index}`, value: '' } })))
    full = true
    staysOpen = false
    const lists = Array.from({ length: 10 }, () => refusal(store.list({ prefix: 'list/', limit: 1000 })))
    await refusal(put('b'))
    for (const end of await Promise.all(lists)) expect(end).toMatch(/^(STORE_AWAY|(\[object Object\],?){1000})$/)
  })

  it('has nothing written behind what failed, though it was asked for at the same time', async () => {
    full = true
    const all = await Promise.all(Array.from({ length: 20 }, (_, index) => refusal(put(`c${index}`))))
    expect(all).toEqual(['STORE_FAILED', ...Array.from({ length: 19 }, () => 'STORE_AWAY')])
    expect([told.length, batches, tries]).toEqual([1, 2, 1])
  })

  it('can be closed meanwhile, and is not opened again', async () => {
    full = true
    staysOpen = false
    await refusal(put('b'))
    await expect.poll(() => refusal(store.get('a')), { interval: 1 }).toBe('STORE_AWAY')
    await store.close()
    full = false
    await clock.advance(10_000)
    await turn()
    expect([tries, level.status]).toEqual([1, 'closed'])
  })
})
