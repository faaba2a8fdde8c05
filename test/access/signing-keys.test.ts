import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Clients } from '../../src/access/client.js'
import { HubTokens } from '../../src/access/hub-token.js'
import { hashKey, makeKey } from '../../src/access/key.js'
import { SigningKeys, type SigningKeysEvent, signingKeysFile } from '../../src/access/signing-keys.js'
import { fileText } from '../../src/stores/file-text.js'
import type { FoundText, StoredText } from '../../src/stores/store.js'
import { CountingClock } from '../support/counting-clock.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const second = 1000
const hour = 3600 * second
const day = 24 * hour
/** So long a new key waits before it signs. */
const settling = 2 * second

let dataDir: string
let file: string
let clock: CountingClock
let events: SigningKeysEvent[]
let learned: string[]
let opened: SigningKeys[]
let keys: SigningKeys

beforeEach(async () => {
  dataDir = temporaryFolder()
  file = signingKeysFile(dataDir)
  clock = new CountingClock()
  events = []
  learned = []
  opened = []
  keys = await open()
})

afterEach(async () => {
  for (const each of opened) await each.close()
  removeFolder(dataDir)
})

/** The keys as one more process has them. */
async function open(): Promise<SigningKeys> {
  const one = await SigningKeys.open(fileText(file), {
    clock,
    onEvent: (event) => events.push(event),
    learn: (secret) => learned.push(secret),
  })
  opened.push(one)
  return one
}

/** The key to sign with once a rotation that is due has ended. */
async function current(from = keys): Promise<string> {
  void from.current
  await from.idle()
  return from.current.id
}

/** As `current`, when a new key signs. */
async function settled(from = keys): Promise<string> {
  await current(from)
  await clock.advance(settling)
  return from.current.id
}

/** A folder in the file's place: it cannot be replaced. */
async function block(): Promise<void> {
  await rm(file)
  await mkdir(`${file}/full`, { recursive: true })
}

async function unblock(): Promise<void> {
  await rm(file, { recursive: true })
}

const storedIds = async () => JSON.parse(await readFile(file, 'utf8')).keys.map(({ id }: { id: string }) => id)

/** The events of this type. */
const eventsOf = (wanted: SigningKeysEvent['type']) => events.filter(({ type }) => type === wanted)

describe('the signing keys', () => {
  it('begin with one, which signs at once, in a file that only the hub’s user can read', async () => {
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
    expect(await storedIds()).toEqual([first])
    await clock.advance(1)
    const next = await settled()
    expect(next).not.toBe(first)
    expect(await storedIds()).toEqual([next, first])
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('sign with a new one 2 s after it was made, and prove with it at once', async () => {
    const first = await current()
    await clock.advance(day)
    expect(await current()).toBe(first)
    const [made] = await storedIds()
    expect(keys.find(made)?.id).toBe(made)
    await clock.advance(settling - 1)
    expect(keys.current.id).toBe(first)
    await clock.advance(1)
    expect(keys.current.id).toBe(made)
  })

  it('prove what the one before has signed for three hours more', async () => {
    const first = await current()
    await clock.advance(day)
    const next = await settled()
    await clock.advance(3 * hour - settling - 1)
    expect(keys.find(first)?.id).toBe(first)
    await clock.advance(1)
    expect(keys.find(first)).toBeUndefined()
    expect(keys.find(next)?.id).toBe(next)
  })

  it('count the three hours from the rotation, however late it came', async () => {
    const first = await current()
    await clock.advance(30 * day)
    // Nobody has asked for a month: what is signed in this instant must live.
    expect(await current()).toBe(first)
    await clock.advance(settling)
    expect(keys.current.id).not.toBe(first)
    await clock.advance(3 * hour - settling - 1)
    expect(keys.find(first)?.id).toBe(first)
  })

  it('never hold more than two through a month of days', async () => {
    const seen = new Set<string>()
    for (let time = 0; time < 30; time += 1) {
      seen.add(await settled())
      expect((await storedIds()).length).toBeLessThanOrEqual(2)
      await clock.advance(day)
    }
    expect(seen.size).toBe(30)
  })

  it('survive a restart, the one before too', async () => {
    const first = await current()
    await clock.advance(day)
    const next = await settled()
    const again = await open()
    expect(await current(again)).toBe(next)
    expect(again.find(first)?.secret.equals(keys.find(first)?.secret ?? Buffer.alloc(0))).toBe(true)
    expect(events).toEqual([])
  })

  it('wait for 2 s too in a process that starts when the new one has just been made', async () => {
    const first = await current()
    await clock.advance(day)
    await current()
    const [made] = await storedIds()
    await clock.advance(settling - 1)
    const again = await open()
    expect(again.current.id).toBe(first)
    await clock.advance(settling)
    expect(again.current.id).toBe(made)
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
    expect(eventsOf('rotation-failed')).toHaveLength(1)
    await clock.advance(59_999)
    expect(await current()).toBe(first)
    expect(eventsOf('rotation-failed')).toHaveLength(1)
    await clock.advance(1)
    expect(await current()).toBe(first)
    expect(eventsOf('rotation-failed')).toHaveLength(2)
    await clock.advance(5 * hour)
    expect(keys.find(first)?.id).toBe(first)
    await unblock()
    expect(await settled()).not.toBe(first)
    expect(keys.find(first)?.id).toBe(first)
  })

  it('leave nothing beside the file but its lock', async () => {
    await clock.advance(day)
    await current()
    expect((await readdir(dataDir)).sort()).toEqual(['.hub-token-keys.lock', 'hub-token-keys.json'])
  })

  it('go on when the clock is set back, and keep what they have signed', async () => {
    const first = await current()
    clock.jump(-hour)
    expect(await current()).toBe(first)
    clock.jump(-300 * day)
    const next = await settled()
    expect(next).not.toBe(first)
    expect(keys.find(first)?.id).toBe(first)
    await clock.advance(day)
    expect(await settled()).not.toBe(next)
  })

  it('do not rotate again and again around a clock that was ahead', async () => {
    clock.jump(300 * day)
    const ahead = await settled()
    clock.jump(-300 * day)
    const back = await settled()
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
    const { timers } = clock
    await expect(open()).rejects.toMatchObject({ code: 'EISDIR' })
    await clock.look()
    // Only the first ones look: what could not be opened watches nothing.
    expect(clock.timers).toBe(timers + 2)
  })

  it('look at the file no more once they are closed', async () => {
    await keys.close()
    const { timers } = clock
    await writeFile(file, 'broken')
    await clock.advance(day)
    expect(clock.timers).toBe(timers)
    expect(events).toEqual([])
  })
})

describe('the signing keys of several processes', () => {
  let other: SigningKeys

  beforeEach(async () => {
    other = await open()
  })

  /** Both look. */
  const look = () => clock.look(2)

  it('are the same from the start, however many start at once', async () => {
    await rm(file)
    const all = await Promise.all(Array.from({ length: 8 }, open))
    expect(new Set(all.map((each) => each.current.id)).size).toBe(1)
    expect(await storedIds()).toEqual([all[0]?.current.id])
  })

  it('get one new key when they rotate at the same instant, with which both sign and prove', async () => {
    for (let time = 0; time < 10; time += 1) {
      await clock.advance(day)
      await look()
      const before = keys.current.id
      expect(other.current.id).toBe(before)
      await Promise.all([keys.idle(), other.idle()])
      const stored = await storedIds()
      expect(stored).toEqual([expect.not.stringMatching(before), before])
      await look()
      await clock.advance(settling)
      expect([keys.current.id, other.current.id]).toEqual([stored[0], stored[0]])
      for (const each of [keys, other]) expect(stored.map((id: string) => each.find(id)?.id)).toEqual(stored)
      expect(keys.current.secret.equals(other.current.secret)).toBe(true)
    }
    expect(events).toEqual([])
  })

  it('are known to each within a second, and none signs with one before', async () => {
    const first = keys.current.id
    await clock.advance(day)
    await look()
    await current()
    const [made] = await storedIds()
    expect(other.find(made)).toBeUndefined()
    await look()
    await look()
    expect(other.find(made)?.id).toBe(made)
    expect([keys.current.id, other.current.id]).toEqual([first, first])
    // Not made a second time by the one that did not rotate.
    expect(await current(other)).toBe(first)
    expect(await storedIds()).toEqual([made, first])
  })

  it('prove each other’s hub tokens in every instant of a rotation', async () => {
    const crmKey = makeKey()
    const crm = { name: 'crm', keyHashes: [hashKey(crmKey)], accounts: ['*'], scopes: ['gateway:/*' as const] }
    const clients = new Clients({ stored: [crm] })
    const tokensOf = (from: SigningKeys) => new HubTokens({ keys: from, clients, clock })
    const [own, others] = [tokensOf(keys), tokensOf(other)]
    const appID = 'wx0123456789abcdef'
    await clock.advance(day)
    await look()
    const made: string[] = []
    for (let time = 0; time < 10; time += 1) {
      const tokens = [own, others].map((each) => each.make(crm, crmKey, appID))
      for (const token of tokens) expect([own.read(token)?.appID, others.read(token)?.appID]).toEqual([appID, appID])
      made.push(...tokens)
      await Promise.all([keys.idle(), other.idle()])
      await look()
    }
    expect(new Set(made.map((token) => token.slice(0, 12))).size).toBe(2)
    for (const token of made) expect(others.read(token)).toBeDefined()
  })

  it('take up what another one stores in their place, of which a secret is learned once, and keep their own', async () => {
    const first = keys.current.id
    const elsewhere = temporaryFolder()
    const options = { clock, onEvent: () => undefined }
    const stranger = await SigningKeys.open(fileText(signingKeysFile(elsewhere)), options)
    await stranger.close()
    const before = learned.length
    await writeFile(file, await readFile(signingKeysFile(elsewhere)))
    removeFolder(elsewhere)
    await look()
    await look()
    expect(await storedIds()).toEqual([stranger.current.id, first])
    expect(learned.slice(before)).toEqual(Array(2).fill(stranger.current.secret.toString('base64url')))
    await clock.advance(settling)
    expect([keys.current.id, other.current.id]).toEqual([stranger.current.id, stranger.current.id])
    expect([keys.find(first)?.id, other.find(first)?.id]).toEqual([first, first])
  })

  it('are put back within a second if what is stored is deleted', async () => {
    const first = keys.current.id
    await look()
    await rm(file)
    await look()
    expect([keys.current.id, other.current.id]).toEqual([first, first])
    expect(await storedIds()).toEqual([first])
    expect((await open()).current.id).toBe(first)
    expect(events).toEqual([])
  })

  it('prove what they have signed when the text is deleted and one more begins anew, which proves it too', async () => {
    await clock.advance(day)
    const [second, first] = [await settled(), (await storedIds())[1]]
    await look()
    await look()
    await rm(file)
    const third = await open()
    const anew = third.current.id
    expect([first, second]).not.toContain(anew)
    for (let time = 0; time < 3; time += 1) await clock.look(3)
    await clock.advance(settling)
    expect(await storedIds()).toEqual([anew, second, first])
    for (const each of [keys, other, third]) {
      expect([first, second, anew].map((id) => each.find(id)?.id)).toEqual([first, second, anew])
      expect(each.current.id).toBe(anew)
    }
    // Each as long as it would have.
    await clock.advance(3 * hour)
    for (const each of [keys, other, third]) {
      expect([first, second, anew].map((id) => each.find(id)?.id)).toEqual([undefined, undefined, anew])
    }
    expect(events).toEqual([])
  })

  it('are what they were before when an older row is put in their place', async () => {
    const old = await readFile(file)
    const first = keys.current.id
    await clock.advance(day)
    const second = await settled()
    await look()
    await look()
    await writeFile(file, old)
    await look()
    await look()
    expect(await storedIds()).toEqual([second, first])
    await clock.advance(settling)
    expect([keys.current.id, other.current.id]).toEqual([second, second])
  })

  it('go on with those of another one that cannot be stored beside their own', async () => {
    const first = keys.current.id
    const { keys: rows } = JSON.parse(await readFile(file, 'utf8'))
    await look()
    const begunAnew = [{ ...rows[0], id: 'begunNew' }]
    let stored: FoundText = { text: JSON.stringify({ keys: rows }), identity: '1' }
    const full: StoredText = {
      where: 'a store that is full',
      read: async () => stored,
      identity: async () => stored.identity,
      write: () => Promise.reject(new Error('it is full')),
      setAside: () => Promise.reject(new Error('it is full')),
    }
    const onFull = await SigningKeys.open(full, { clock, onEvent: (event) => events.push(event) })
    opened.push(onFull)
    stored = { text: JSON.stringify({ keys: begunAnew }), identity: '2' }
    await clock.look(3)
    await clock.look(3)
    expect(['begunNew', first].map((id) => onFull.find(id)?.id)).toEqual(['begunNew', first])
    expect(events.map(({ type }) => type)).toEqual(['unusable'])
  })

  it('remain while what is stored is broken, which each tells once; it is set aside for the next key', async () => {
    const first = keys.current.id
    await look()
    await writeFile(file, '{"keys":')
    for (let time = 0; time < 4; time += 1) await look()
    expect([keys.current.id, other.current.id]).toEqual([first, first])
    expect(events.map(({ type }) => type)).toEqual(['unusable', 'unusable'])
    expect(JSON.stringify(events.map((event) => 'error' in event && String(event.error)))).toContain('it is broken')
    await clock.advance(day)
    await current()
    expect(await storedIds()).toEqual([expect.any(String), first])
    const [aside] = eventsOf('set-aside')
    expect(aside?.type === 'set-aside' && (await readFile(aside.where, 'utf8'))).toBe('{"keys":')
    await look()
    expect(other.find((await storedIds())[0])).toBeDefined()
    expect(events).toHaveLength(3)
  })

  it('remain while the store does not answer, which is told once each time', async () => {
    const first = keys.current.id
    await look()
    const text = await readFile(file, 'utf8')
    for (let time = 1; time <= 2; time += 1) {
      await block()
      for (let looks = 0; looks < 3; looks += 1) await look()
      expect([keys.current.id, other.current.id]).toEqual([first, first])
      expect(events.map(({ type }) => type)).toEqual(Array(2 * time).fill('unusable'))
      await unblock()
      await writeFile(file, text)
      await look()
    }
    await clock.advance(day)
    await look()
    await current()
    await look()
    expect(other.find((await storedIds())[0])).toBeDefined()
  })
})
