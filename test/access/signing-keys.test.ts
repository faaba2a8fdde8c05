import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SigningKeys, type SigningKeysEvent } from '../../src/access/signing-keys.js'
import { MovableClock } from '../support/movable-clock.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const hour = 3_600_000
const day = 24 * hour

let dataDir: string
let file: string
let clock: MovableClock
let events: SigningKeysEvent[]
let keys: SigningKeys

beforeEach(async () => {
  dataDir = temporaryFolder()
  file = join(dataDir, 'hub-token-keys.json')
  clock = new MovableClock()
  events = []
  keys = await open()
})

afterEach(async () => {
  await keys.idle()
  removeFolder(dataDir)
})

function open(): Promise<SigningKeys> {
  return SigningKeys.open(dataDir, { clock, onEvent: (event) => events.push(event) })
}

/** The key to sign with once a rotation that is due has ended. */
async function current(from = keys): Promise<string> {
  void from.current
  await from.idle()
  return from.current.id
}

/** A folder in the file's place: it cannot be replaced. */
async function block(): Promise<void> {
  await rm(file)
  await mkdir(join(file, 'full'), { recursive: true })
}

async function unblock(): Promise<void> {
  await rm(file, { recursive: true })
}

const storedIds = async () => JSON.parse(await readFile(file, 'utf8')).keys.map(({ id }: { id: string }) => id)

describe('the signing keys', () => {
  it('begin with one, in a file that only the hub’s user can read', async () => {
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await storedIds()).toEqual([keys.current.id])
    expect(keys.current.secret).toHaveLength(32)
    expect(keys.find(keys.current.id)).toBe(keys.current)
    expect(keys.find('AAAAAAAA')).toBeUndefined()
    expect(events).toEqual([])
  })

  it('rotate once a day, and no sooner', async () => {
    const first = await current()
    await clock.advance(day - 1)
    expect(await current()).toBe(first)
    await clock.advance(1)
    const second = await current()
    expect(second).not.toBe(first)
    expect(await storedIds()).toEqual([second, first])
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('prove what the one before has signed for three hours more', async () => {
    const first = await current()
    await clock.advance(day)
    const second = await current()
    await clock.advance(3 * hour - 1)
    expect(keys.find(first)?.id).toBe(first)
    await clock.advance(1)
    expect(keys.find(first)).toBeUndefined()
    expect(keys.find(second)?.id).toBe(second)
  })

  it('count the three hours from the rotation, however late it came', async () => {
    const first = await current()
    await clock.advance(30 * day)
    // Nobody has asked for a month: what is signed in this instant must live.
    expect(keys.current.id).toBe(first)
    await keys.idle()
    expect(keys.current.id).not.toBe(first)
    await clock.advance(3 * hour - 1)
    expect(keys.find(first)?.id).toBe(first)
  })

  it('never hold more than two through a month of days', async () => {
    const seen = new Set<string>()
    for (let time = 0; time < 30; time += 1) {
      seen.add(await current())
      expect((await storedIds()).length).toBeLessThanOrEqual(2)
      await clock.advance(day)
    }
    expect(seen.size).toBe(30)
  })

  it('survive a restart, the one before too', async () => {
    const first = await current()
    await clock.advance(day)
    const second = await current()
    const again = await open()
    expect(await current(again)).toBe(second)
    expect(again.find(first)?.secret.equals(keys.find(first)?.secret ?? Buffer.alloc(0))).toBe(true)
    expect(events).toEqual([])
  })

  it.each([
    ['nothing', ''],
    ['half a file', '{"keys":[{"id":"AAAA'],
    ['another shape', '{"keys":{}}'],
    ['no keys', '{"keys":[]}'],
    ['a short secret', '{"keys":[{"id":"AAAAAAAA","secret":"AAAA","created":0}]}'],
    ['a strange id', JSON.stringify({ keys: [{ id: 'A.A', secret: 'A'.repeat(43), created: 0 }] })],
  ])('are made anew when the file holds %s; it is set aside, and the log told', async (_what, text) => {
    const first = await current()
    await writeFile(file, text)
    const again = await open()
    expect(again.current.id).not.toBe(first)
    expect(again.find(first)).toBeUndefined()
    expect(events).toEqual([{ type: 'set-aside', where: expect.stringContaining('hub-token-keys.json.broken-') }])
    const [event] = events
    expect(event?.type === 'set-aside' && (await readFile(event.where, 'utf8'))).toBe(text)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await storedIds()).toEqual([again.current.id])
  })

  it('stay as they are while the next one cannot be saved, and it is tried again a minute later', async () => {
    const first = await current()
    await clock.advance(day)
    await block()
    expect(await current()).toBe(first)
    expect(events.map(({ type }) => type)).toEqual(['rotation-failed'])
    await clock.advance(59_999)
    expect(await current()).toBe(first)
    expect(events).toHaveLength(1)
    await clock.advance(1)
    expect(await current()).toBe(first)
    expect(events).toHaveLength(2)
    await clock.advance(5 * hour)
    expect(keys.find(first)?.id).toBe(first)
    await unblock()
    expect(await current()).not.toBe(first)
    expect(keys.find(first)?.id).toBe(first)
  })

  it('leave nothing beside the file', async () => {
    await clock.advance(day)
    await current()
    expect(await readdir(dataDir)).toEqual(['hub-token-keys.json'])
  })

  it('go on when the clock is set back, and keep what they have signed', async () => {
    const first = await current()
    clock.jump(-hour)
    expect(await current()).toBe(first)
    clock.jump(-300 * day)
    const second = await current()
    expect(second).not.toBe(first)
    expect(keys.find(first)?.id).toBe(first)
    await clock.advance(day)
    expect(await current()).not.toBe(second)
  })

  it('do not rotate again and again around a clock that was ahead', async () => {
    clock.jump(300 * day)
    const ahead = await current()
    clock.jump(-300 * day)
    const back = await current()
    expect(back).not.toBe(ahead)
    for (let time = 0; time < 20; time += 1) {
      await clock.advance(hour)
      expect(await current()).toBe(back)
    }
    expect(await current(await open())).toBe(back)
  })

  it('do not start over a file that cannot be read', async () => {
    await rm(file)
    await mkdir(file)
    await expect(open()).rejects.toMatchObject({ code: 'EISDIR' })
  })
})
