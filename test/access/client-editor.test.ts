import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClientEditError, ClientEditor } from '../../src/access/client-editor.js'
import { hashKey, isWellFormed } from '../../src/access/key.js'
import { clientsFile, firstKey, readClients, StoredClientsError } from '../../src/access/stored-clients.js'
import { fileText } from '../../src/stores/file-text.js'
import type { StoredText } from '../../src/stores/store.js'
import { Child } from '../support/child.js'
import type { ClientCommands } from '../support/child-clients.js'
import type { LockCommands } from '../support/child-lock.js'
import { newSeed, seeded } from '../support/seeded.js'
import { untilForAMoment } from '../support/until.js'

const seed = newSeed()
const crm = { name: 'crm', accounts: ['shop'], scopes: ['token' as const] }

let folder: string
let dataDir: string
let text: StoredText
let editor: ClientEditor

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wechat-hub-editor-'))
  dataDir = join(folder, 'data')
  text = fileText(clientsFile(dataDir))
  editor = new ClientEditor({ text, reserved: ['erp'] })
})

afterEach(async () => {
  await Child.killAll()
  rmSync(folder, { recursive: true, force: true })
})

async function stored() {
  return (await readClients(text))?.clients
}

/** The code of the ClientEditError that the work ends with. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((thrown: unknown) => thrown)
  return error instanceof ClientEditError ? error.code : `no ClientEditError: ${error}`
}

describe('a client', () => {
  it('is added with a key of which only the hash is kept, for this user alone', async () => {
    const key = await editor.add(crm)
    expect(isWellFormed(key)).toBe(true)
    expect(key).toMatch(/^whk_/)
    expect(await stored()).toEqual([{ ...crm, keyHashes: [hashKey(key)] }])
    expect(readFileSync(clientsFile(dataDir), 'utf8')).not.toContain(key.slice(4, 20))
    expect(statSync(clientsFile(dataDir)).mode & 0o777).toBe(0o600)
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
    expect(readdirSync(dataDir).sort()).toEqual(['.clients.lock', 'clients.json'])
  })

  it('gets a second key, then keeps only that one; a third is refused meanwhile', async () => {
    const first = await editor.add(crm)
    const second = await editor.rotate('crm')
    expect(await stored()).toEqual([{ ...crm, keyHashes: [hashKey(second), hashKey(first)] }])
    expect(await codeOf(editor.rotate('crm'))).toBe('two-keys')
    expect(await editor.finish('crm')).toBe(true)
    expect(await stored()).toEqual([{ ...crm, keyHashes: [hashKey(second)] }])
    expect(await editor.finish('crm')).toBe(false)
    const third = await editor.rotate('crm')
    expect(await stored()).toEqual([{ ...crm, keyHashes: [hashKey(third), hashKey(second)] }])
  })

  it('loses its newest key, and goes on with the older one, if the rotation is undone', async () => {
    const first = await editor.add(crm)
    await editor.rotate('crm')
    expect(await editor.undo('crm')).toBe(true)
    expect(await stored()).toEqual([{ ...crm, keyHashes: [hashKey(first)] }])
    expect(await editor.undo('crm')).toBe(false)
    expect(await stored()).toEqual([{ ...crm, keyHashes: [hashKey(first)] }])
    const third = await editor.rotate('crm')
    expect(await stored()).toEqual([{ ...crm, keyHashes: [hashKey(third), hashKey(first)] }])
  })

  it('is revoked, and no other', async () => {
    await editor.add(crm)
    await editor.add({ ...crm, name: 'bot' })
    await editor.revoke('crm')
    expect((await stored())?.map(({ name }) => name)).toEqual(['bot'])
    await editor.revoke('bot')
    expect(await stored()).toEqual([])
  })

  it.each(['a', 'A.b_c-9', 'x'.repeat(64)])('may be named %s', async (name) => {
    await editor.add({ ...crm, name })
    expect((await stored())?.map((client) => client.name)).toEqual([name])
  })

  it.each(['', 'x'.repeat(65), 'a b', 'a/b', 'ä', 'a\n', '名'])('may not be named %j', async (name) => {
    expect(await codeOf(editor.add({ ...crm, name }))).toBe('bad-name')
    expect(await stored()).toBeUndefined()
  })

  it.each([
    ['erp', 'taken'],
    ['hub', 'reserved'],
    ['__proto__', 'reserved'],
    ['constructor', 'reserved'],
    ['toString', 'reserved'],
  ])('may not be named %s, which the configuration has or could not: %s', async (name, code) => {
    expect(await codeOf(editor.add({ ...crm, name }))).toBe(code)
    expect(await stored()).toBeUndefined()
  })

  it('may not have the name of another stored one, whose key goes on to work', async () => {
    const key = await editor.add(crm)
    expect(await codeOf(editor.add({ ...crm, scopes: ['admin'] }))).toBe('taken')
    expect(await stored()).toEqual([{ ...crm, keyHashes: [hashKey(key)] }])
  })

  it('must be there to be changed', async () => {
    await editor.add(crm)
    expect(await codeOf(editor.rotate('bot'))).toBe('unknown')
    expect(await codeOf(editor.finish('bot'))).toBe('unknown')
    expect(await codeOf(editor.undo('bot'))).toBe('unknown')
    expect(await codeOf(editor.revoke('bot'))).toBe('unknown')
    expect(await codeOf(editor.revoke('erp'))).toBe('unknown')
    expect(await stored()).toHaveLength(1)
  })
})

it('changes nothing in a file that is broken', async () => {
  mkdirSync(dataDir)
  writeFileSync(clientsFile(dataDir), '{"clients":[{"name":')
  await expect(editor.add(crm)).rejects.toThrow(StoredClientsError)
  await expect(editor.revoke('crm')).rejects.toThrow(StoredClientsError)
  expect(readFileSync(clientsFile(dataDir), 'utf8')).toBe('{"clients":[{"name":')
})

it('loses neither the first key of a hub that starts at the same instant nor the client that is added', async () => {
  for (let round = 0; round < 20; round += 1) {
    rmSync(dataDir, { recursive: true, force: true })
    const [first, key] = await Promise.all([firstKey({ text, existing: false }), editor.add(crm)])
    const names = (await stored())?.map(({ name }) => name)
    expect(names).toEqual(first.key === undefined ? ['crm'] : ['first', 'crm'])
    expect(JSON.stringify(await stored())).toContain(hashKey(key))
  }
})

it('writes nothing over what an operator has written by hand meanwhile, and still makes its change', async () => {
  await editor.add(crm)
  const byHand = { clients: [{ ...crm, name: 'by-hand', keyHashes: ['a'.repeat(64)] }] }
  const adding = editor.add({ ...crm, name: 'bot' })
  // The old file has been read by now, and the new one is not yet in its place.
  await untilForAMoment(() => readdirSync(dataDir).some((name) => name.endsWith('.tmp')))
  writeFileSync(clientsFile(dataDir), JSON.stringify(byHand))
  await adding
  expect((await stored())?.map(({ name }) => name)).toEqual(['by-hand', 'bot'])
})

it('answers that others are in the way if they change the clients each time, and changes nothing', async () => {
  await editor.add(crm)
  let tries = 0
  const contested = {
    ...{ where: text.where, read: () => text.read(), identity: () => text.identity(), setAside: () => text.setAside() },
    async write(written: string, expected: string | undefined) {
      tries += 1
      const found = await text.read()
      await text.write(found?.text ?? '', found?.identity)
      return text.write(written, expected)
    },
  }
  expect(await codeOf(new ClientEditor({ text: contested }).revoke('crm'))).toBe('busy')
  expect(tries).toBe(100)
  expect(await stored()).toHaveLength(1)
})

it('answers that others are in the way if one of them keeps the lock', async () => {
  await editor.add(crm)
  const holder = await Child.start<LockCommands>('child-lock')
  await holder.ask('hold', join(dataDir, '.clients.lock'))
  expect(await codeOf(editor.revoke('crm'))).toBe('busy')
  expect(await stored()).toHaveLength(1)
})

it('clears away what a killed process left unfinished, and nothing that is young or not its own', async () => {
  mkdirSync(dataDir)
  const names = ['clients.json.1-abc.tmp', 'clients.json.2-abc.tmp', 'notes.tmp']
  for (const name of names) writeFileSync(join(dataDir, name), '')
  const old = new Date(Date.now() - 120_000)
  for (const name of [names[0], names[2]]) utimesSync(join(dataDir, name ?? ''), old, old)
  await editor.add(crm)
  expect(readdirSync(dataDir).sort()).toEqual(['.clients.lock', 'clients.json', names[1], names[2]])
})

it('loses no client though several processes add at once', async () => {
  const processes = await Promise.all(
    Array.from({ length: 4 }, () => Child.start<ClientCommands>('child-clients', { dataDir })),
  )
  const names = processes.map((_, process) => Array.from({ length: 10 }, (_name, i) => `p${process}-${i}`))
  await Promise.all(processes.map((process, i) => process.ask('add', { names: names[i] ?? [] })))
  expect((await stored())?.map(({ name }) => name).sort()).toEqual(names.flat().sort())
})

it(`killed at any instant, leaves the file whole with every client that it told of (seed ${seed})`, async () => {
  const random = seeded(seed)
  const told: unknown[] = []
  for (let kill = 0; kill < 8; kill += 1) {
    const process = await Child.start<ClientCommands>('child-clients', { dataDir })
    process.hear('added', (name) => told.push(name))
    const first = process.news('added')
    await process.ask('addForever', `k${kill}`)
    await first
    // However slow the machine is, some have come further than the first one.
    if (kill % 2 === 1) await process.news('added')
    await delay(60 * random())
    await process.kill()
    const names = (await stored())?.map(({ name }) => name) ?? []
    expect(names).toEqual(expect.arrayContaining(told))
    // The last one may have been stored and not yet told of.
    expect(names.length).toBeLessThanOrEqual(told.length + kill + 1)
    letLeaseEnd()
  }
  expect(told.length).toBeGreaterThan(8)
  await editor.add(crm)
})

/** Lets the time pass for which a dead holder keeps the lock. */
function letLeaseEnd(): void {
  const lock = join(dataDir, '.clients.lock')
  const then = new Date(Date.now() - 10_000)
  for (const name of readdirSync(lock)) utimesSync(join(lock, name), then, then)
}
