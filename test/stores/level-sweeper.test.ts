import { ClassicLevel } from 'classic-level'
import { MemoryLevel } from 'memory-level'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/stores/level-database.js'
import { LevelStore } from '../../src/stores/level-store.js'
import type { StoreError } from '../../src/stores/store.js'
import { MovableClock, turn } from '../support/movable-clock.js'
import { newSeed, seeded } from '../support/seeded.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const seed = newSeed()

type Level = Database & { open(): Promise<void> }

describe.each<[string, (folder: string) => Level]>([
  ['LevelDB', (folder) => new ClassicLevel(folder)],
  ['memory', () => new MemoryLevel()],
])('sweeping %s', (_name, levelIn) => {
  let folder: string
  let clock: WatchedClock
  let level: Level
  let store: LevelStore
  let failures: StoreError[]

  beforeEach(async () => {
    folder = temporaryFolder()
    clock = new WatchedClock()
    level = levelIn(folder)
    await level.open()
    failures = []
    store = open()
  })

  afterEach(async () => {
    await store.close()
    removeFolder(folder)
    expect(failures).toEqual([])
  })

  const open = (special: Partial<Database> = {}) =>
    new LevelStore(withSpecial(level, special), { clock, sweepFailed: (error) => failures.push(error) })

  const put = (key: string, life: number) => store.write([{ put: { key, value: '', expiresAt: clock.now() + life } }])

  /** All that the database holds: records and their index. */
  async function held(): Promise<string[]> {
    const rows = level.keys({})
    try {
      return await rows.nextv(100_000)
    } finally {
      await rows.close()
    }
  }

  /** Lets so much time pass that one sweep begins, and waits for its end: then the next one is planned. */
  async function sweepAfter(ms: number): Promise<void> {
    const planned = clock.planned.length
    await clock.advance(ms)
    await expect.poll(() => clock.planned.length, { interval: 1 }).toBe(planned + 1)
  }

  it('leaves nothing of the dead, in the index neither, and everything of the living', async () => {
    const ends = [1, 4999, 5000, 5001, 100_000]
    for (const end of ends) await put(`k${end}`, end)
    await store.write([{ put: { key: 'endless', value: '' } }])
    expect(await held()).toHaveLength(11)
    await clock.advance(4999)
    expect(await held()).toHaveLength(11)
    await sweepAfter(1)
    expect(await held()).toHaveLength(5)
    expect(await store.get('k5001')).toBe('')
    await sweepAfter(60_000)
    expect(await held()).toHaveLength(3)
    await sweepAfter(60_000)
    expect(await held()).toHaveLength(1)
    expect(await store.get('endless')).toBe('')
    expect(clock.planned).toEqual([5000, 60_000, 60_000, 60_000].map((ms) => ({ ms, background: true })))
  })

  it('keeps one place in the index for a record, whatever is done to it, and none for one that has no end', async () => {
    for (let life = 1; life < 50; life += 1) await put('a', life * 1000)
    expect(await held()).toHaveLength(2)
    await put('a', 10)
    expect(await held()).toHaveLength(2)
    await store.write([{ put: { key: 'a', value: '' } }])
    expect(await held()).toHaveLength(1)
    await put('a', 10)
    await store.write([{ remove: 'a' }])
    expect(await held()).toEqual([])
    await store.putIfAbsent({ key: 'a', value: '', expiresAt: clock.now() + 10 }, [{ remove: 'b' }])
    await store.replace('a', '', [{ put: { key: 'a', value: '', expiresAt: clock.now() + 20 } }])
    expect(await held()).toHaveLength(2)
    clock.freeze(20)
    // Dead, and not swept yet.
    await store.putIfAbsent({ key: 'a', value: '' })
    expect(await held()).toHaveLength(1)
  })

  it('leaves a record that was put again with a later end or with none', async () => {
    for (const key of ['later', 'endless']) await put(key, 1000)
    await put('later', 70_000)
    await store.write([{ put: { key: 'endless', value: '' } }])
    await sweepAfter(5000)
    expect(await held()).toHaveLength(3)
    expect(await store.get('later')).toBe('')
    await sweepAfter(60_000)
    await sweepAfter(60_000)
    expect(await held()).toHaveLength(1)
    expect(await store.get('endless')).toBe('')
  })

  it('leaves a record that is put again after it was found dead', async () => {
    await store.close()
    level = levelIn(folder)
    await level.open()
    store = open({
      keys: (range) => {
        const rows = level.keys(range)
        return {
          async nextv(size) {
            const found = await rows.nextv(size)
            if (found.length > 0) await put('a', 100_000)
            return found
          },
          close: () => rows.close(),
        }
      },
    })
    await put('a', 1000)
    await put('b', 1000)
    await sweepAfter(5000)
    expect(await held()).toHaveLength(2)
    expect(await store.get('a')).toBe('')
  })

  it('leaves a record that is put again while it is being removed', async () => {
    await store.close()
    level = levelIn(folder)
    await level.open()
    const writes: Promise<void>[] = []
    store = open({
      async hasMany(keys) {
        const there = await level.hasMany(keys)
        const written = put('a', 100_000)
        writes.push(written)
        // Time enough for the write, if it did not wait.
        await Promise.race([written, turns(20)])
        return there
      },
    })
    await put('a', 1000)
    await sweepAfter(5000)
    expect(writes).toHaveLength(1)
    await writes[0]
    expect(await held()).toHaveLength(2)
    expect(await store.get('a')).toBe('')
  })

  it('gives other work its turn between small steps', async () => {
    await store.close()
    level = levelIn(folder)
    await level.open()
    const steps: number[] = []
    store = open({
      async batch(operations) {
        if (operations.every(({ type }) => type === 'del')) steps.push(operations.length)
        return level.batch(operations)
      },
    })
    const entries = Array.from({ length: 3000 }, (_, index) => ({
      key: `k${index}`,
      value: '',
      expiresAt: clock.now(),
    }))
    await store.write(entries.map((entry) => ({ put: entry })))
    let turnsTaken = 0
    await clock.advance(5000)
    while ((await held()).length > 0) {
      turnsTaken += 1
      await turn()
    }
    expect(Math.max(...steps)).toBeLessThanOrEqual(200)
    expect(turnsTaken).toBeGreaterThanOrEqual(10)
    expect(steps.reduce((sum, step) => sum + step, 0)).toBe(6000)
  })

  it('tells a failure and tries again a minute later', async () => {
    await store.close()
    level = levelIn(folder)
    await level.open()
    let broken = true
    store = open({
      hasMany: (keys) => (broken ? Promise.reject(new Error('no disk')) : level.hasMany(keys)),
    })
    await put('a', 1000)
    await sweepAfter(5000)
    expect(failures.splice(0)).toMatchObject([
      { name: 'StoreError', code: 'STORE_FAILED', cause: new Error('no disk') },
    ])
    expect(await store.get('a')).toBeUndefined()
    broken = false
    await clock.advance(59_999)
    expect(await held()).toHaveLength(2)
    await sweepAfter(1)
    expect(await held()).toEqual([])
  })

  it('ends with the store, in the midst of it', async () => {
    const entries = Array.from({ length: 3000 }, (_, index) => ({
      key: `k${index}`,
      value: '',
      expiresAt: clock.now(),
    }))
    await store.write(entries.map((entry) => ({ put: entry })))
    await clock.advance(5000)
    await store.close()
    await clock.advance(600_000)
    expect(failures).toEqual([])
  })

  it(`leaves exactly the living, after whatever was written and whenever it swept (seed ${seed})`, async () => {
    const random = seeded(seed)
    const pick = (count: number) => Math.floor(random() * count)
    const ends = new Map<string, number>()
    for (let step = 0; step < 400; step += 1) {
      const key = `k${pick(40)}`
      if (random() < 0.2) {
        await store.write([{ remove: key }])
        ends.delete(key)
      } else {
        const life = random() < 0.2 ? undefined : pick(200_000)
        const end = clock.now() + (life ?? Number.POSITIVE_INFINITY)
        await store.write([{ put: life === undefined ? { key, value: '' } : { key, value: '', expiresAt: end } }])
        ends.set(key, end)
      }
      await clock.advance(pick(2000))
    }
    const living = [...ends.values()].filter((end) => end > clock.now())
    for (const [key, end] of ends) expect(await store.get(key)).toBe(end > clock.now() ? '' : undefined)
    const endless = living.filter((end) => end === Number.POSITIVE_INFINITY)
    expect(living.length).toBeGreaterThan(endless.length)
    const heldAfterAMinute = async () => {
      await clock.advance(60_000)
      return (await held()).length
    }
    await expect.poll(heldAfterAMinute, { interval: 1 }).toBe(endless.length)
    for (const [key, end] of ends) expect(await store.get(key)).toBe(end > clock.now() ? '' : undefined)
  })
})

/** Notes which timers are set. */
class WatchedClock extends MovableClock {
  readonly planned: object[] = []

  override after(ms: number, work: () => void, options?: { background?: boolean }): () => void {
    this.planned.push({ ms, ...options })
    return super.after(ms, work)
  }
}

/** The database, some of whose methods do something else. */
function withSpecial(level: Level, special: Partial<Database>): Database {
  return {
    getSync: (key) => level.getSync(key),
    hasMany: (keys) => level.hasMany(keys),
    batch: (operations) => level.batch(operations),
    keys: (range) => level.keys(range),
    iterator: (range) => level.iterator(range),
    close: () => level.close(),
    ...special,
  }
}

async function turns(count: number): Promise<void> {
  for (let taken = 0; taken < count; taken += 1) await turn()
}
