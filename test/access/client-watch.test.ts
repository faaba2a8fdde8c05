import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Client } from '../../src/access/client.js'
import { ClientEditor } from '../../src/access/client-editor.js'
import { ClientWatch } from '../../src/access/client-watch.js'
import { clientsFile } from '../../src/access/stored-clients.js'
import { fileText } from '../../src/stores/file-text.js'
import { CountingClock } from '../support/counting-clock.js'
import { until } from '../support/until.js'

let dataDir: string
let clock: CountingClock
let told: string[][]
let failures: string[]
let watch: ClientWatch
let editor: ClientEditor

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'wechat-hub-watch-'))
  clock = new CountingClock()
  told = []
  failures = []
  const changed = (clients: readonly Client[]) => told.push(clients.map(({ name }) => name))
  const text = fileText(clientsFile(dataDir))
  watch = new ClientWatch({ text, clock, changed, failed: (error) => failures.push(String(error)) })
  editor = new ClientEditor({ text })
})

afterEach(async () => {
  await watch.close()
  rmSync(dataDir, { recursive: true, force: true })
})

function add(name: string): Promise<string> {
  return editor.add({ name, accounts: ['*'], scopes: ['token'] })
}

/** Lets the watch look so often. */
async function look(times = 1): Promise<void> {
  for (let time = 0; time < times; time += 1) await clock.look()
}

it('tells of a change within a second, once', async () => {
  await look()
  await add('crm')
  const { timers } = clock
  await clock.advance(1000)
  await until(() => clock.timers > timers)
  expect(told.at(-1)).toEqual(['crm'])
  const { length } = told
  await look(5)
  expect(told).toHaveLength(length)
  await add('bot')
  await editor.revoke('crm')
  await look()
  expect(told.slice(length)).toEqual([['bot']])
  expect(failures).toEqual([])
})

it('takes a deleted file for no clients', async () => {
  await add('crm')
  await look()
  rmSync(clientsFile(dataDir))
  await look(3)
  expect(told).toEqual([['crm'], []])
  expect(failures).toEqual([])
})

it('keeps silent on a broken file but for one complaint, until it is mended', async () => {
  await add('crm')
  await look()
  writeFileSync(clientsFile(dataDir), '{"clients": [')
  await look(4)
  expect(told).toEqual([['crm']])
  expect(failures).toHaveLength(1)
  expect(failures[0]).toContain('not valid JSON')
  rmSync(clientsFile(dataDir))
  await add('bot')
  await look(2)
  expect(told).toEqual([['crm'], ['bot']])
  writeFileSync(clientsFile(dataDir), '[]')
  await look(2)
  expect(failures).toHaveLength(2)
})

it('goes on with the last clients while something that is no file stands there, and takes the file up afterwards', async () => {
  await add('crm')
  await look()
  const file = clientsFile(dataDir)
  renameSync(file, `${file}.away`)
  mkdirSync(file)
  await look(3)
  expect(told).toEqual([['crm']])
  expect(failures).toHaveLength(1)
  expect(failures[0]).toContain('cannot be read (EISDIR)')
  rmdirSync(file)
  renameSync(`${file}.away`, file)
  await editor.revoke('crm')
  await look()
  expect(told.at(-1)).toEqual([])
  expect(failures).toHaveLength(1)
})

it('tells nothing after it was closed, and sets no further timer', async () => {
  await look()
  await add('crm')
  const closing = watch.close()
  const { timers } = clock
  await closing
  await clock.advance(5000)
  expect(clock.timers).toBe(timers)
  expect(told).toEqual([[]])
})
