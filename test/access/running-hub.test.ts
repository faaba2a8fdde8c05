import { rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ClientEditor } from '../../src/access/client-editor.js'
import { hashKey, makeKey } from '../../src/access/key.js'
import { clientsFile } from '../../src/access/stored-clients.js'
import { fileText } from '../../src/stores/file-text.js'
import { MovableClock } from '../support/movable-clock.js'
import { RunningHub } from '../support/running-hub.js'
import { until } from '../support/until.js'

const crm = { name: 'crm', accounts: ['shop'], scopes: ['token' as const] }
const erpKey = makeKey()
const erp = { keyHash: [hashKey(erpKey)], accounts: ['shop'], scopes: ['token' as const] }

let clock: MovableClock
let running: RunningHub
let editor: ClientEditor

beforeEach(async () => {
  clock = new MovableClock()
  running = await RunningHub.start({ clock, config: { clients: { erp } } })
  editor = new ClientEditor({ text: fileText(clientsFile(running.dataDir)) })
})

afterEach(() => running.close())

async function statusOf(key: string): Promise<number> {
  return (await running.request('/v1/shop/access-token', { key })).status
}

/**
 * Resolves when the key is answered so, while the hub's time goes on. How much of it a change may take is tested in
 * client-watch.test.ts: here a look at the file may be under way while the clock is moved.
 */
async function isAnswered(key: string, status: number): Promise<void> {
  await until(async () => {
    await clock.advance(500)
    return (await statusOf(key)) === status
  })
}

function logged(event: string): Record<string, unknown>[] {
  return running.logLines.map((line) => JSON.parse(line)).filter((line) => line.event === event)
}

it('takes a new client, its second key, the end of the first one and its revocation while it runs', async () => {
  const first = await editor.add(crm)
  expect(await statusOf(first)).toBe(401)
  await isAnswered(first, 200)
  const second = await editor.rotate('crm')
  await isAnswered(second, 200)
  expect(await statusOf(first)).toBe(200)
  await editor.finish('crm')
  await isAnswered(first, 401)
  expect(await statusOf(second)).toBe(200)
  await editor.revoke('crm')
  await isAnswered(second, 401)
  const changes = logged('client-changed').map(({ client, change }) => [client, change])
  expect(changes).toEqual([
    ['crm', 'added'],
    ['crm', 'rotated'],
    ['crm', 'rotated'],
    ['crm', 'revoked'],
  ])
  expect(running.logLines.join('')).not.toContain(first.slice(4))
})

it('keeps the last clients while the file is broken, says so once, and takes a mended one', async () => {
  const key = await editor.add(crm)
  await isAnswered(key, 200)
  writeFileSync(clientsFile(running.dataDir), '{"clients":')
  await until(async () => {
    await clock.advance(500)
    return logged('clients-unusable').length > 0
  })
  for (let look = 0; look < 5; look += 1) {
    await clock.advance(500)
    expect(await statusOf(key)).toBe(200)
  }
  expect(logged('clients-unusable')).toHaveLength(1)
  expect(JSON.stringify(logged('clients-unusable'))).toContain('not valid JSON')
  rmSync(clientsFile(running.dataDir))
  await isAnswered(key, 401)
  await isAnswered(await editor.add(crm), 200)
})

it('does not let a stored client take the place of a configured one', async () => {
  const impostor = await editor.add({ ...crm, name: 'erp', scopes: ['admin'] })
  const other = await editor.add(crm)
  await isAnswered(other, 200)
  expect(await statusOf(impostor)).toBe(401)
  expect(await statusOf(erpKey)).toBe(200)
})
