import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SessionKeys, type SessionKeysEvent } from '../../src/sessions/session-keys.js'
import { MovableClock } from '../support/movable-clock.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const day = 24 * 60 * 60 * 1000
const given = '0123456789abcdef'.repeat(4)

let folder: string
let clock: MovableClock
let events: SessionKeysEvent[]
let learnt: string[]

beforeEach(() => {
  folder = temporaryFolder()
  clock = new MovableClock()
  events = []
  learnt = []
})

afterEach(() => removeFolder(folder))

function open(...given: string[]): Promise<SessionKeys> {
  const onEvent = (event: SessionKeysEvent) => void events.push(event)
  const learn = (secret: string) => void learnt.push(secret)
  return SessionKeys.open(folder, { clock, longestUse: 31 * day, given, onEvent, learn })
}

async function idsInFile(): Promise<string[]> {
  const { keys }: { keys: { id: string }[] } = JSON.parse(await readFile(join(folder, 'session-keys.json'), 'utf8'))
  return keys.map(({ id }) => id)
}

describe('the keys of session_keys', () => {
  it('are made with the first use, once however many come at once, for their owner alone', async () => {
    const keys = await open()
    expect(await readdir(folder)).toEqual([])
    const sealed = await Promise.all(Array.from({ length: 10 }, () => keys.seal('text', 'a')))
    expect(await idsInFile()).toHaveLength(1)
    expect((await stat(join(folder, 'session-keys.json'))).mode & 0o777).toBe(0o600)
    expect(new Set(sealed).size).toBe(10)
    expect(learnt).toHaveLength(1)
  })

  it('open what they sealed, after a restart too, and only for what it was sealed about', async () => {
    const sealed = await (await open()).seal('text', 'a')
    const keys = await open()
    expect(keys.open(sealed, 'a')).toBe('text')
    expect(keys.open(sealed, 'b')).toBeUndefined()
    for (const broken of ['', 'AAAA', sealed.slice(0, -1), `x${sealed.slice(1)}`, sealed.slice(0, 20)]) {
      expect(keys.open(broken, 'a')).toBeUndefined()
    }
    const bytes = Buffer.from(sealed.slice(4), 'base64url')
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(keys.open(sealed.slice(0, 4) + changed.toString('base64url'), 'a')).toBeUndefined()
    }
  })

  it('change each 30 days, and open what the former ones sealed as long as it is wanted', async () => {
    const keys = await open()
    const sealed = [await keys.seal('0', 'a')]
    for (const month of [1, 2, 3]) {
      await clock.advance(30 * day)
      // What notices the end of a term still uses the key of before.
      await keys.seal('', 'a')
      await keys.idle()
      sealed.push(await keys.seal(String(month), 'a'))
    }
    expect(new Set(await idsInFile()).size).toBe(3)
    expect(sealed.map((each) => keys.open(each, 'a'))).toEqual([undefined, '1', '2', '3'])
  })

  it('go on while no new one can be saved, which is tried again after a minute', async () => {
    const keys = await open()
    const sealed = await keys.seal('text', 'a')
    removeFolder(folder)
    await clock.advance(30 * day)
    for (let i = 0; i < 3; i += 1) {
      expect(keys.open(await keys.seal('text', 'a'), 'a')).toBe('text')
      await keys.idle()
    }
    expect(events).toMatchObject([{ type: 'session-keys-failed' }])
    await clock.advance(60_000)
    await keys.seal('text', 'a')
    await keys.idle()
    expect(events).toHaveLength(2)
    expect(keys.open(sealed, 'a')).toBe('text')
  })

  it('are not used when they can’t be saved at the first use', async () => {
    const keys = await open()
    removeFolder(folder)
    const failure = { name: 'StoreError', code: 'STORE_FAILED', cause: { code: 'ENOENT' } }
    await expect(keys.ready()).rejects.toMatchObject(failure)
    await expect(keys.seal('text', 'a')).rejects.toMatchObject(failure)
  })

  it.each(['{', '{"keys":[{"id":"abcd","secret":"short","created":1}]}', '[]'])(
    'that are broken are set aside: %s',
    async (text) => {
      await writeFile(join(folder, 'session-keys.json'), text)
      const keys = await open()
      expect(events).toMatchObject([{ type: 'session-keys-set-aside' }])
      expect(keys.open(await keys.seal('text', 'a'), 'a')).toBe('text')
      expect(await readdir(folder)).toHaveLength(2)
    },
  )

  it('that can’t be read stop the start: they are not replaced', async () => {
    await mkdir(join(folder, 'session-keys.json'))
    await expect(open()).rejects.toThrow('EISDIR')
  })

  it('of the environment seal in place of those of the file, which still open', async () => {
    const before = await (await open()).seal('before', 'a')
    const keys = await open(given)
    const after = await keys.seal('after', 'a')
    expect([keys.open(before, 'a'), keys.open(after, 'a')]).toEqual(['before', 'after'])
    expect((await open()).open(after, 'a')).toBeUndefined()
    expect(await idsInFile()).toHaveLength(1)
    expect(learnt).toContain(given)
  })

  it('of the environment open what those before them sealed, as long as those are listed', async () => {
    const newer = 'fedcba9876543210'.repeat(4)
    const before = await (await open(given)).seal('before', 'a')
    const keys = await open(newer, given)
    const after = await keys.seal('after', 'a')
    expect([keys.open(before, 'a'), keys.open(after, 'a')]).toEqual(['before', 'after'])
    const alone = await open(newer)
    expect([alone.open(before, 'a'), alone.open(after, 'a')]).toEqual([undefined, 'after'])
    expect(learnt).toEqual(expect.arrayContaining([given, newer]))
  })
})
