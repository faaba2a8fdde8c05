import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLevel, type StoreEvent, StoreInUseError } from '../../src/stores/level.js'
import { identityOf, setAside as moveAside } from '../../src/stores/level-folder.js'
import type { KeyValueStore } from '../../src/stores/store.js'
import { Child } from '../support/child.js'
import type { LevelCommands } from '../support/child-level.js'
import { MovableClock, turn } from '../support/movable-clock.js'
import { newSeed, seeded } from '../support/seeded.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'

const seed = newSeed()

let root: string
let folder: string
/** Where LevelDB's files are. */
let files: string
let clock: MovableClock
let events: StoreEvent[]
const opened = new Set<KeyValueStore>()

beforeEach(() => {
  root = temporaryFolder()
  folder = join(root, 'data')
  files = join(folder, 'level')
  clock = new MovableClock()
  events = []
})

afterEach(async () => {
  await Child.killAll()
  for (const store of opened) await store.close()
  opened.clear()
  removeFolder(root)
})

async function open(): Promise<KeyValueStore> {
  const store = await openLevel(folder, { clock, onEvent: (event) => events.push(event) })
  opened.add(store)
  return store
}

const child = () => Child.start<LevelCommands>('child-level')
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)
const put = (store: KeyValueStore, key: string, value = key) => store.write([{ put: { key, value } }])
const setAside = () => readdirSync(folder).filter((name) => name.startsWith('level.broken-'))
const named = (ending: string) => readdirSync(files).filter((name) => name.endsWith(ending))

/** Several tables and a log: opened again, LevelDB makes a table of what the log held. */
async function fill(): Promise<void> {
  for (let part = 0; part < 3; part += 1) {
    const store = await open()
    for (let index = 0; index < 50; index += 1) await put(store, `part ${part}, ${index}`, 'value '.repeat(100))
    await store.close()
  }
}

describe('the folder', () => {
  const umask = process.umask()
  afterEach(() => {
    process.umask(umask)
  })

  it.each(['000', '022', '077'])('is closed to others under umask %s', async (mask) => {
    process.umask(mask)
    await open()
    expect(modeOf(folder)).toBe('700')
    expect(modeOf(files)).toBe('700')
  })

  it('is closed if it was open to others', async () => {
    mkdirSync(files, { recursive: true })
    chmodSync(files, 0o755)
    await open()
    expect(modeOf(files)).toBe('700')
  })

  it('has files of mode 600 under the umask that the hub sets', async () => {
    process.umask(0o077)
    await fill()
    expect(named('.ldb').length).toBeGreaterThan(0)
    expect(readdirSync(files).map((name) => modeOf(join(files, name)))).not.toContainEqual(
      expect.not.stringMatching('600'),
    )
  })

  it('keeps what was stored', async () => {
    const store = await open()
    await store.write([{ put: { key: 'a', value: 'one', expiresAt: clock.now() + 1000 } }])
    await store.close()
    const again = await open()
    expect(await again.list({ prefix: '', limit: 2 })).toEqual([
      { key: 'a', value: 'one', expiresAt: clock.now() + 1000 },
    ])
    await clock.advance(1000)
    expect(await again.get('a')).toBeUndefined()
    expect(events).toEqual([])
  })
})

describe('a second hub', () => {
  it('in another process is refused with a sentence, and harms nothing', async () => {
    const store = await open()
    await put(store, 'a')
    const second = await child()
    const refusal = await second.ask('open', folder).catch((error: Error) => error)
    expect(refusal).toMatchObject({ code: 'STORE_IN_USE' })
    expect(String(refusal)).toContain(`${files} is in use by another process: run one hub on this folder`)
    expect(setAside()).toEqual([])
    await put(store, 'b')
    expect(await store.get('a')).toBe('a')
    await store.close()
    expect(await second.ask('open', folder)).toEqual([])
    expect(await second.ask('get', 'b')).toBe('b')
    await expect(open()).rejects.toThrow(StoreInUseError)
  })

  it('in the same process is refused, and does not let in those of other processes', async () => {
    await open()
    await expect(open()).rejects.toThrow(`${files} is in use by this process: run one hub on this folder`)
    const other = await child()
    await expect(other.ask('open', folder)).rejects.toMatchObject({ code: 'STORE_IN_USE' })
    expect(events).toEqual([])
  })

  it('is let in when the first was killed', async () => {
    const first = await child()
    await first.ask('open', folder)
    await first.ask('write', { key: 'a', value: 'one' })
    await first.kill()
    expect(await (await open()).get('a')).toBe('one')
    expect(events).toEqual([])
  })

  it('is refused however damaged the files look on which the first works', async () => {
    await fill()
    const first = await child()
    await first.ask('open', folder)
    truncateSync(join(files, String(named('.ldb')[0])), 100)
    await expect(open()).rejects.toThrow(StoreInUseError)
    rmSync(join(files, 'CURRENT'))
    await expect(open()).rejects.toThrow(StoreInUseError)
    expect(setAside()).toEqual([])
    expect(named('.ldb').length).toBeGreaterThan(1)
  })

  it('that starts at the same time on a damaged store is refused too, whoever sets it aside', async () => {
    await fill()
    writeFileSync(join(files, 'CURRENT'), 'garbage')
    const children = await Promise.all([child(), child(), child()])
    const outcomes = await Promise.allSettled(children.map((one) => one.ask('open', folder)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused.map(({ reason }) => reason.code)).toEqual(['STORE_IN_USE', 'STORE_IN_USE'])
    expect(setAside()).toHaveLength(1)
  })
})

describe('a process that is killed', () => {
  it(`leaves whole batches, and every one of which it was told that it was written (seed ${seed})`, async () => {
    const random = seeded(seed)
    let acknowledged = 0
    for (let round = 0; round < 20; round += 1) {
      const last = new Map<string, number>()
      const writing = await child()
      writing.hear('written', (news) => {
        const { writer, batch } = news as { writer: string; batch: number }
        last.set(writer, batch)
        acknowledged += 1
      })
      expect(await writing.ask('open', folder)).toEqual([])
      const enough = acknowledged + 1 + Math.floor(random() * 150)
      await writing.ask('writeForever', round)
      await until(() => acknowledged >= enough)
      for (let turns = Math.floor(random() * 50); turns > 0; turns -= 1) await turn()
      await writing.kill()

      const store = await open()
      expect(last.size).toBeGreaterThan(0)
      for (let writer = 0; writer < 4; writer += 1) {
        const name = `${round}/${writer}`
        await expectWhole(store, name, last.get(name) ?? 0)
      }
      await store.close()
    }
    expect(events).toEqual([])
    // That tables were written and merged meanwhile.
    expect(named('.ldb').length).toBeGreaterThan(2)
  })

  /** At most one batch more than those that were told. */
  async function expectWhole(store: KeyValueStore, writer: string, told: number): Promise<void> {
    const one = await store.list({ prefix: `${writer}/one/`, limit: 10_000 })
    const two = await store.list({ prefix: `${writer}/two/`, limit: 10_000 })
    expect(two.map(({ value }) => value)).toEqual(one.map(({ value }) => value))
    const numbers = one.map(({ value }) => Number.parseInt(value, 10)).sort((lower, higher) => lower - higher)
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1))
    expect(numbers.length).toBeGreaterThanOrEqual(told)
    const last = await store.get(`${writer}/last`)
    expect(Number.parseInt(last ?? '0', 10)).toBe(numbers.length)
  }
})

describe('a damaged store', () => {
  /** It is usable, and says what became of the old one. */
  async function expectSetAside(): Promise<void> {
    const kept = readdirSync(files).length
    await clock.advance(1)
    const store = await open()
    const where = `${files}.broken-${new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '-')}`
    expect(events).toEqual([{ type: 'store-set-aside', where, error: expect.any(Error) }])
    expect(readdirSync(where).length).toBeGreaterThanOrEqual(kept)
    expect(modeOf(where)).toBe('700')
    await expectUsable(store)
    expect(await store.list({ prefix: 'part', limit: 1 })).toEqual([])
    await store.close()
    await expectUsable(await open())
    expect(events).toHaveLength(1)
  }

  async function expectUsable(store: KeyValueStore): Promise<void> {
    await put(store, 'new')
    expect(await store.get('new')).toBe('new')
  }

  const damages: [string, (path: string) => void][] = [
    ['is missing', (path) => rmSync(path)],
    ['is empty', (path) => truncateSync(path, 0)],
    ['is half of what it was', (path) => truncateSync(path, Math.floor(statSync(path).size / 2))],
    ['is zeros, as after a loss of power', (path) => writeFileSync(path, Buffer.alloc(statSync(path).size))],
    ['has one bit turned in its middle', (path) => turnBit(path, 1 / 2)],
    ['has one bit turned at its end', (path) => turnBit(path, 1)],
    ['is of another kind', (path) => writeFileSync(path, '{"access_token":"abc"}\n'.repeat(100))],
    ['is a folder', replaceByFolder],
  ]

  const currentOf = () => readdirSync(files).filter((name) => name === 'CURRENT')
  const manifestsOf = () => readdirSync(files).filter((name) => name.startsWith('MANIFEST'))
  const vital: [string, () => string[]][] = [
    ['CURRENT', currentOf],
    ['MANIFEST', manifestsOf],
    ['a table', () => named('.ldb').slice(-1)],
  ]

  it.each(vital.flatMap(([name, found]) => damages.map(([how, damage]) => [name, how, found, damage] as const)))(
    'of which %s %s is set aside',
    async (_name, _how, found, damage) => {
      await fill()
      expect(named('.ldb').length).toBeGreaterThan(1)
      for (const name of found()) damage(join(files, name))
      await expectSetAside()
    },
  )

  it.each(damages)('whose log %s keeps what is in tables', async (_how, damage) => {
    await fill()
    for (const name of named('.log')) damage(join(files, name))
    const store = await open()
    expect(await store.list({ prefix: 'part 0', limit: 100 })).toHaveLength(50)
    await expectUsable(store)
    expect(events).toEqual([])
  })

  it('is left alone when another process has put a new one in its place', async () => {
    await fill()
    const damaged = identityOf(files)
    renameSync(files, join(folder, 'level.broken-by-the-other'))
    await fill()
    expect(moveAside(files, damaged, clock.now())).toBeUndefined()
    expect(await (await open()).get('part 0, 1')).toBeDefined()
    expect(events).toEqual([])
  })

  it('that is no folder is set aside', async () => {
    mkdirSync(folder)
    writeFileSync(files, 'mine')
    await open().then(expectUsable)
    expect(events).toEqual([
      { type: 'store-set-aside', where: expect.stringContaining('.broken-'), error: expect.any(Error) },
    ])
    expect(readFileSync(join(folder, String(setAside()[0])), 'utf8')).toBe('mine')
  })

  it(`is set aside for any damage to a table, wherever it is (seed ${seed})`, async () => {
    const random = seeded(seed)
    for (let round = 0; round < 25; round += 1) {
      await fill()
      const tables = named('.ldb')
      const path = join(files, String(tables[Math.floor(random() * tables.length)]))
      const bytes = readFileSync(path)
      // Not the footer but for its last bytes: not all of it is used.
      const place = Math.floor(random() * (bytes.length - 40))
      const at = place < bytes.length - 48 ? place : place + 40
      bytes[at] = ((bytes[at] ?? 0) + 1 + Math.floor(random() * 255)) & 255
      writeFileSync(path, bytes)
      events = []
      const store = await open()
      expect(events.map(({ type }) => type)).toEqual(['store-set-aside'])
      await store.close()
      removeFolder(folder)
      await clock.advance(1)
    }
  })

  it(`is no sound one, whatever that holds (seed ${seed})`, async () => {
    const random = seeded(seed)
    const text = () => {
      const length = random() < 0.05 ? 300_000 : 2 ** (random() * 10)
      const letters = 1 + Math.floor(random() * 200)
      return Array.from({ length }, () => String.fromCharCode(32 + Math.floor(random() * letters))).join('')
    }
    for (let round = 0; round < 6; round += 1) {
      const store = await open()
      for (let index = 0; index < 150; index += 1) await put(store, text(), text())
      await store.close()
      // A kill leaves unfinished files.
      writeFileSync(join(files, `90000${round}.ldb`), 'unfinished')
    }
    expect(named('.ldb').length).toBeGreaterThan(2)
    await open()
    expect(events).toEqual([])
  })

  it('makes calls fail, not the process, when the damage comes while it is open; the next start sets it aside', async () => {
    await fill()
    const store = await open()
    for (const name of named('.ldb')) {
      const path = join(files, name)
      writeFileSync(path, Buffer.alloc(statSync(path).size, 0xff), { flag: 'r+' })
    }
    const failure = await store.get('part 0, 1').catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'StoreError', code: 'STORE_DAMAGED', cause: expect.any(Error) })
    await expect(store.list({ prefix: '', limit: 1 })).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    expect(events).toEqual([{ type: 'store-damaged', error: failure }])
    await store.close()
    events = []
    await expectSetAside()
  })

  it('is told to a listener that throws without harm', async () => {
    mkdirSync(files, { recursive: true })
    writeFileSync(join(files, 'CURRENT'), 'garbage')
    const warned = new Promise((resolve) => process.once('warning', resolve))
    const store = await openLevel(folder, {
      clock,
      onEvent() {
        throw new Error('a listener that throws')
      },
    })
    opened.add(store)
    await expectUsable(store)
    expect(await warned).toMatchObject({ message: 'a listener that throws' })
  })
})

describe('a disk that gives no store', () => {
  it('leaves one in memory, and the old one alone when it is full', async () => {
    await fill()
    const full = await Child.start<LevelCommands>('child-level', {}, { disk: 'full' })
    expect(await full.ask('open', folder)).toEqual(['store-in-memory'])
    await full.ask('write', { key: 'a', value: 'one' })
    expect(await full.ask('get', 'a')).toBe('one')
    expect(await full.ask('get', 'part 0, 1')).toBeNull()
    await full.kill()
    expect(setAside()).toEqual([])
    const store = await open()
    expect(await store.list({ prefix: 'part', limit: 1000 })).toHaveLength(150)
    expect(events).toEqual([])
  })

  it('leaves one in memory when no folder can be made', async () => {
    writeFileSync(folder, 'in the way')
    const store = await open()
    await put(store, 'a')
    expect(await store.get('a')).toBe('a')
    expect(events).toEqual([{ type: 'store-in-memory', error: expect.objectContaining({ code: 'ENOTDIR' }) }])
    expect(readFileSync(folder, 'utf8')).toBe('in the way')
  })
})

describe('an open store', () => {
  it('does not keep the process alive', async () => {
    const alone = await child()
    await alone.ask('openAlone', folder)
    expect(await alone.exited).toEqual([0, null])
    expect(existsSync(files)).toBe(true)
  })
})

function turnBit(path: string, part: number): void {
  const bytes = readFileSync(path)
  const at = Math.floor((bytes.length - 1) * part)
  bytes[at] = (bytes[at] ?? 0) ^ 4
  writeFileSync(path, bytes)
}

function replaceByFolder(path: string): void {
  rmSync(path)
  mkdirSync(path)
  appendFileSync(join(path, 'notes'), 'mine')
}
