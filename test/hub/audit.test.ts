import { readdir, readFile, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClientEditor } from '../../src/access/client-editor.js'
import { hashKey, makeKey } from '../../src/access/key.js'
import { clientsFile } from '../../src/access/stored-clients.js'
import { fileText } from '../../src/stores/file-text.js'
import { MovableClock, turn } from '../support/movable-clock.js'
import { hubKey, RunningHub, readJson, shop } from '../support/running-hub.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'

const crm = makeKey()
const clients = {
  crm: { keyHash: [hashKey(crm)], accounts: ['shop'], scopes: ['token' as const, 'ticket' as const] },
}
const path = '/v1/shop/access-token'

let dataDir: string
let clock: MovableClock
let running: RunningHub
let closed: boolean

beforeEach(async () => {
  dataDir = temporaryFolder()
  clock = new MovableClock(Date.UTC(2026, 0, 31, 12))
  running = await RunningHub.start({ config: { clients }, dataDir, clock })
  closed = false
})

afterEach(async () => {
  if (!closed) await running.close()
  removeFolder(dataDir)
})

/** What the hub has written once it has ended. */
async function lines(): Promise<Record<string, unknown>[]> {
  await running.close()
  closed = true
  const names = (await readdir(join(dataDir, 'audit'))).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(dataDir, 'audit', name), 'utf8')))
  return texts
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const ask = async (key: string | undefined, to = path, id = 'r-1') =>
  (await running.request(to, { key, headers: { 'x-request-id': id } })).text()

describe('the audit log', () => {
  it('has who was given which credential of which account, and the refresh that it took', async () => {
    await ask(crm, path, 'r-1')
    await ask(crm, path, 'r-2')
    await ask(crm, '/v1/shop/ticket?type=jsapi', 'r-3')
    const found = await lines()
    const time = '2026-01-31T12:00:00.000Z'
    const caller = { client: 'crm', account: 'shop', address: '127.0.0.1' }
    expect(found).toContainEqual({
      ...{ time, action: 'refresh', what: 'access_token', account: 'shop', result: 'wechat', detail: 'cold' },
    })
    expect(found.filter(({ action }) => action === 'hand-out')).toEqual([
      { time, action: 'hand-out', what: 'access_token', result: 'wechat', requestId: 'r-1', ...caller },
      { time, action: 'hand-out', what: 'access_token', result: 'memory', requestId: 'r-2', ...caller },
      { time, action: 'hand-out', what: 'jsapi_ticket', result: 'wechat', requestId: 'r-3', ...caller },
    ])
    const file = join(dataDir, 'audit', '2026-01.jsonl')
    expect([(await stat(file)).mode & 0o777, (await stat(join(dataDir, 'audit'))).mode & 0o777]).toEqual([0o600, 0o700])
  })

  it('has the hand-out of an answer to a report, and the theft: when, how old the token was, and who noticed', async () => {
    const { access_token } = await readJson<{ access_token: string }>(await running.request(path, { key: crm }))
    await clock.advance(1_000_000)
    running.sandbox.tokens.issue(shop.appID, 'token', { atOnce: true })
    const body = JSON.stringify({ access_token })
    const headers = { 'content-type': 'application/json', 'x-request-id': 'r-9' }
    await running.request(`${path}/rejected`, { method: 'POST', key: crm, headers, body })
    const found = await lines()
    const time = '2026-01-31T12:16:40.000Z'
    const theft = { time, action: 'refresh', what: 'access_token', account: 'shop', result: 'died-early' }
    expect(found).toContainEqual({ ...theft, detail: '1000 s old, 6200 s before its end; by client crm' })
    expect(found).toContainEqual({ ...theft, result: 'wechat', detail: 'rejected' })
    expect(found.at(-1)).toMatchObject({ action: 'hand-out', client: 'crm', result: 'wechat', requestId: 'r-9' })
    const logged = running.logLines.map((line) => JSON.parse(line)).find(({ event }) => event === 'died-early')
    expect(logged).toMatchObject({ account: 'shop', age: 1000, secondsLeft: 6200, noticedBy: 'client crm' })
    expect(Date.parse(logged.time)).not.toBeNaN()
  })

  it('has every refusal, with the client and the account where they are known', async () => {
    await ask(undefined, `${path}?access_token=x`, 'r-1')
    await ask('wrong', '/v1/nobody/access-token', 'r-2')
    await ask(crm, '/metrics', 'r-3')
    await ask(crm, '/v1/blog/access-token', 'r-4')
    await ask(hubKey, '/v1/nobody/access-token', 'not refused, but not found')
    await ask(undefined, '/readyz', 'not refused')
    const found = await lines()
    const common = { time: '2026-01-31T12:00:00.000Z', action: 'refusal', address: '127.0.0.1' }
    expect(found).toEqual([
      {
        ...common,
        ...{ what: `GET ${path}`, account: 'shop', result: '401', detail: 'a client key is needed', requestId: 'r-1' },
      },
      {
        ...common,
        ...{ what: 'GET /v1/nobody/access-token', result: '401', detail: 'the client key is not valid' },
        requestId: 'r-2',
      },
      {
        ...common,
        ...{ what: 'GET /metrics', client: 'crm', result: '403', detail: 'the client key may not do this' },
        requestId: 'r-3',
      },
      {
        ...common,
        ...{ what: 'GET /v1/blog/access-token', client: 'crm', account: 'blog', result: '403' },
        ...{ detail: 'the client key is not for this account', requestId: 'r-4' },
      },
    ])
  })

  it('has the refusals of those who ask too often', async () => {
    await running.close()
    running = await RunningHub.start({
      config: { clients, limits: { clientPerMinute: 1, refusedPerMinute: 1 } },
      dataDir,
    })
    for (const key of [crm, crm, 'wrong', 'wrong']) await ask(key)
    const refusals = (await lines()).filter(({ action }) => action === 'refusal')
    expect(refusals.map(({ client, result }) => [client, result])).toEqual([
      ['crm', '429'],
      [undefined, '401'],
      [undefined, '429'],
    ])
  })

  it('has a refresh that failed, and why', async () => {
    running.sandbox.faults.add({ kind: 'ip' })
    await ask(crm)
    expect((await lines()).filter(({ action }) => action === 'refresh')).toEqual([
      {
        ...{ time: '2026-01-31T12:00:00.000Z', action: 'refresh', what: 'access_token', account: 'shop' },
        ...{ result: 'failed', detail: 'cold: ERRCODE 40164' },
      },
    ])
  })

  it('has each change of a stored client, as soon as the running hub has taken it over', async () => {
    const editor = new ClientEditor({ text: fileText(clientsFile(dataDir)) })
    await editor.add({ name: 'erp', accounts: ['shop'], scopes: ['token'] })
    const logged = () => running.logLines.some((line) => JSON.parse(line).event === 'client-changed')
    while (!logged()) await clock.advance(500)
    const changes = (await lines()).filter(({ action }) => action === 'client')
    expect(changes).toMatchObject([{ what: 'added', client: 'erp', result: 'in-force' }])
  })

  it('is on the disk 100 ms later, while the hub runs', async () => {
    await ask(crm)
    await clock.advance(100)
    const file = join(dataDir, 'audit', '2026-01.jsonl')
    let text = ''
    while (!text.includes('hand-out')) {
      await turn()
      text = await readFile(file, 'utf8').catch(() => '')
    }
    expect(text.endsWith('\n')).toBe(true)
  })

  it('may fail: the hub goes on, and says so once in its log and in its metrics, until it is well again', async () => {
    await symlink(join(dataDir, 'nowhere', 'at', 'all'), join(dataDir, 'audit'))
    const logged = (event: string) => running.logLines.filter((line) => JSON.parse(line).event === event)
    const metric = async (name: string) =>
      Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await (await running.request('/metrics')).text())?.[1])
    await ask(crm)
    await clock.advance(100)
    await until(async () => (await metric('wechat_hub_audit_failures_total')) >= 1)
    await ask(crm)
    await clock.advance(1000)
    await until(async () => (await metric('wechat_hub_audit_failures_total')) >= 2)
    expect(logged('audit-failed')).toHaveLength(1)
    expect(JSON.parse(logged('audit-failed')[0] ?? '')).toMatchObject({ level: 'error', err: { code: 'ENOENT' } })
    expect(await metric('wechat_hub_audit_lost_total')).toBe(0)
    await rm(join(dataDir, 'audit'))
    await clock.advance(1000)
    await until(() => logged('audit-recovered').length > 0)
    const handOuts = (await lines()).filter(({ action }) => action === 'hand-out')
    expect(handOuts.map(({ result }) => result)).toEqual(['wechat', 'memory'])
  })
})
