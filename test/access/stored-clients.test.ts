import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Clients } from '../../src/access/client.js'
import { hashKey, isWellFormed } from '../../src/access/key.js'
import { firstKey, readClients, StoredClientsError } from '../../src/access/stored-clients.js'
import { fileText } from '../../src/stores/file-text.js'
import { type StoredText, StoreError } from '../../src/stores/store.js'

let folder: string
let dataDir: string
let file: string
let text: StoredText

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wechat-hub-clients-'))
  dataDir = join(folder, 'data')
  file = join(dataDir, 'clients.json')
  text = fileText(file)
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('makes a key at the first start that opens everything, and keeps only its hash', async () => {
  const { key = '', clients } = await firstKey({ text, existing: false })
  expect(key).toMatch(/^whk_/)
  expect(isWellFormed(key)).toBe(true)
  expect(clients).toEqual([{ name: 'first', keyHashes: [hashKey(key)], accounts: ['*'], scopes: ['admin'] }])
  expect(readFileSync(file, 'utf8')).toContain(hashKey(key))
  expect(readFileSync(file, 'utf8')).not.toContain(key.slice(4, 20))
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  expect(readdirSync(dataDir)).toEqual(['.clients.lock', 'clients.json'])
})

it('makes none at later starts, whatever else is configured, and the first one still opens', async () => {
  const { key = '' } = await firstKey({ text, existing: false })
  for (const existing of [false, true]) {
    const later = await firstKey({ text, existing })
    expect(later.key).toBeUndefined()
    expect(new Clients({ stored: later.clients }).byKey(key)?.name).toBe('first')
  }
})

it('makes none, and no file, if somebody can come in already', async () => {
  expect(await firstKey({ text, existing: true })).toEqual({ clients: [] })
  expect(existsSync(dataDir)).toBe(false)
})

it('makes one key however many start at once', async () => {
  for (let round = 0; round < 20; round++) {
    rmSync(dataDir, { recursive: true, force: true })
    const all = await Promise.all(Array.from({ length: 8 }, () => firstKey({ text, existing: false })))
    const keys = all.flatMap(({ key }) => (key === undefined ? [] : [key]))
    expect(keys).toHaveLength(1)
    for (const { clients } of all) expect(clients[0]?.keyHashes).toEqual([hashKey(keys[0] ?? '')])
    expect(readdirSync(dataDir)).toEqual(['.clients.lock', 'clients.json'])
  }
})

const hash = 'a'.repeat(64)
const good = { name: 'first', keyHashes: [hash], accounts: ['*'], scopes: ['admin'] }

it.each<[string, string]>([
  ['empty', ''],
  ['cut off', '{"clients": [{"name": "first", "keyHashes": ["aa'],
  ['not an object', '[]'],
  ['without clients', '{}'],
  ['of an unknown scope', JSON.stringify({ clients: [{ ...good, scopes: ['root-of-all'] }] })],
  ['of a short hash', JSON.stringify({ clients: [{ ...good, keyHashes: ['beef'] }] })],
  ['of two clients with one name', JSON.stringify({ clients: [good, { ...good, keyHashes: ['b'.repeat(64)] }] })],
  ['of two clients with one key', JSON.stringify({ clients: [good, { ...good, name: 'second' }] })],
  ['of a client with a strange name', JSON.stringify({ clients: [{ ...good, name: 'a b' }] })],
  ['with an unknown field', JSON.stringify({ clients: [{ ...good, extra: 1 }] })],
])('refuses a file that is %s, names it, and leaves it as it is', async (_name, content) => {
  mkdirSync(dataDir)
  writeFileSync(file, content)
  for (const existing of [false, true]) {
    const error: unknown = await firstKey({ text, existing }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(StoredClientsError)
    expect(String(error)).toContain(file)
    expect(String(error)).toMatch(/restore it from a backup, or delete it/)
    expect(String(error)).toMatch(/only if neither WECHAT_HUB_KEY nor a client is configured/)
    if (content.length > 2) expect(String(error)).not.toMatch(/root-of-all|beef|aaa/)
  }
  expect(readFileSync(file, 'utf8')).toBe(content)
})

it('refuses a file that it may not read', async () => {
  mkdirSync(join(dataDir, 'clients.json'), { recursive: true })
  await expect(firstKey({ text, existing: false })).rejects.toThrow(/cannot be read \(EISDIR\)/)
})

it('passes on that the store does not answer: nothing is wrong with the clients', async () => {
  const away = new StoreError('STORE_AWAY', 'no answer')
  const read = () => Promise.reject(away)
  await expect(readClients({ where: file, read })).rejects.toBe(away)
})

it('fails, and leaves nothing, if it cannot write', async () => {
  mkdirSync(dataDir)
  chmodSync(dataDir, 0o555)
  const uid = process.geteuid?.()
  chmodSync(folder, 0o755)
  if (uid === 0) process.seteuid?.(65_534)
  try {
    await expect(firstKey({ text, existing: false })).rejects.toThrow(/EACCES/)
  } finally {
    if (uid === 0) process.seteuid?.(0)
  }
  expect(readdirSync(dataDir)).toEqual([])
})
