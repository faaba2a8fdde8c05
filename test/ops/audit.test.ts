import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Audit, type AuditEntry } from '../../src/ops/audit.js'
import type { AuditFileEvent } from '../../src/ops/audit-file.js'
import { censorText } from '../../src/ops/log-redaction.js'
import { Secrets } from '../../src/wechat/secrets.js'
import { leaksIn } from '../support/leaks.js'
import { MovableClock } from '../support/movable-clock.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'

let root: string
let folder: string
let clock: MovableClock
let secrets: Secrets
let events: AuditFileEvent[]
let audit: Audit

beforeEach(() => {
  root = temporaryFolder()
  folder = join(root, 'audit')
  start(new MovableClock())
})

afterEach(async () => {
  await audit.close()
  removeFolder(root)
})

function start(at: MovableClock): void {
  clock = at
  secrets = new Secrets()
  events = []
  audit = new Audit({
    ...{ folder, clock },
    clean: (text) => secrets.redact(censorText(text)),
    observe: (event) => events.push(event),
  })
}

const handOut: AuditEntry = {
  action: 'hand-out',
  what: 'access_token',
  client: 'crm',
  account: 'shop',
  result: 'memory',
  requestId: 'r-1',
  address: '192.0.2.7',
}
const refusal: AuditEntry = {
  action: 'refusal',
  what: 'GET /v1/shop/access-token',
  result: '401',
  detail: 'a client key is needed',
  requestId: 'r-2',
  address: '192.0.2.8',
}

/** Everything that was written, in the order of the files. */
function lines(): Record<string, unknown>[] {
  const files = readdirSync(folder).sort()
  const text = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

it('writes lines of one form, and nothing that is not known', async () => {
  audit.note(handOut)
  audit.note(refusal)
  audit.note({ action: 'refresh', what: 'access_token', account: 'shop', result: 'wechat', detail: 'ahead' })
  audit.note({ action: 'client', what: 'revoked', client: 'crm', result: 'in-force' })
  await audit.close()
  expect(readFileSync(join(folder, '2026-01.jsonl'), 'utf8')).toBe(
    [
      '{"time":"2026-01-01T00:00:00.000Z","action":"hand-out","what":"access_token","client":"crm","account":"shop","result":"memory","requestId":"r-1","address":"192.0.2.7"}',
      '{"time":"2026-01-01T00:00:00.000Z","action":"refusal","what":"GET /v1/shop/access-token","result":"401","detail":"a client key is needed","requestId":"r-2","address":"192.0.2.8"}',
      '{"time":"2026-01-01T00:00:00.000Z","action":"refresh","what":"access_token","account":"shop","result":"wechat","detail":"ahead"}',
      '{"time":"2026-01-01T00:00:00.000Z","action":"client","what":"revoked","client":"crm","result":"in-force"}',
      '',
    ].join('\n'),
  )
})

it('begins a new file with each month, in UTC', async () => {
  start(new MovableClock(Date.UTC(2026, 11, 31, 23, 59, 59, 950)))
  audit.note({ ...refusal, requestId: 'old' })
  await clock.advance(50)
  audit.note({ ...refusal, requestId: 'new' })
  await audit.close()
  expect(readdirSync(folder).sort()).toEqual(['2026-12.jsonl', '2027-01.jsonl'])
  expect(lines()).toMatchObject([
    { time: '2026-12-31T23:59:59.950Z', requestId: 'old' },
    { time: '2027-01-01T00:00:00.000Z', requestId: 'new' },
  ])
})

describe('hand-outs', () => {
  it('that are repeated within a second are one more line, which counts them from the first of them on', async () => {
    audit.note(handOut)
    await clock.advance(10)
    for (const requestId of ['r-2', 'r-3', 'r-4']) audit.note({ ...handOut, requestId })
    await clock.advance(990)
    audit.note({ ...handOut, requestId: 'r-5' })
    await clock.advance(3000)
    audit.note({ ...handOut, requestId: 'r-6' })
    await audit.close()
    expect(lines().map(({ time, requestId, times }) => [time, requestId, times])).toEqual([
      ['2026-01-01T00:00:00.000Z', 'r-1', undefined],
      ['2026-01-01T00:00:00.010Z', 'r-2', 3],
      ['2026-01-01T00:00:01.000Z', 'r-5', undefined],
      ['2026-01-01T00:00:04.000Z', 'r-6', undefined],
    ])
  })

  it('that differ in client, credential, account, source or address are apart', async () => {
    const others = [
      { client: 'erp' },
      { what: 'jsapi_ticket' },
      { account: 'blog' },
      { result: 'wechat' },
      { address: '192.0.2.9' },
      { client: undefined },
    ]
    for (const other of others) for (const _twice of [1, 2]) audit.note({ ...handOut, ...other })
    await audit.close()
    expect(lines()).toHaveLength(2 * others.length)
  })

  it('are all in the file, counted, however many there are', async () => {
    for (let second = 0; second < 10; second += 1) {
      for (let i = 0; i < 1000; i += 1) audit.note(handOut)
      await clock.advance(1000)
    }
    await audit.close()
    expect(lines().length).toBeLessThanOrEqual(11)
    expect(lines().reduce((sum, { times = 1 }) => sum + Number(times), 0)).toBe(10_000)
  })

  it('are counted in the file when the hub ends before their second does', async () => {
    for (let i = 0; i < 5; i += 1) audit.note(handOut)
    await audit.close()
    expect(lines().map(({ times }) => times)).toEqual([undefined, 4])
  })
})

describe('refusals', () => {
  it('of unknown callers are 20 lines a minute, and one that counts the others', async () => {
    for (let i = 0; i < 1000; i += 1) audit.note({ ...refusal, requestId: `r-${i}` })
    await clock.advance(59_999)
    audit.note(refusal)
    await clock.advance(1)
    audit.note({ ...refusal, requestId: 'of the next minute' })
    await audit.close()
    expect(lines()).toHaveLength(22)
    expect(lines()[20]).toEqual({
      time: '2026-01-01T00:01:00.000Z',
      action: 'refusal',
      what: 'further requests',
      result: 'held-back',
      times: 981,
    })
    expect(lines()[21]).toMatchObject({ requestId: 'of the next minute' })
  })

  it('of a client have a count of their own, of 600 lines', async () => {
    for (let i = 0; i < 21; i += 1) audit.note(refusal)
    for (let i = 0; i < 602; i += 1) audit.note({ ...refusal, client: 'crm' })
    await audit.close()
    const heldBack = lines().filter(({ result }) => result === 'held-back')
    expect(lines()).toHaveLength(622)
    expect(heldBack.map(({ client, times }) => [client, times])).toEqual([
      [undefined, undefined],
      ['crm', 2],
    ])
  })
})

describe('what a caller can write', () => {
  it('is in no line if it is a secret, in whichever form and field', async () => {
    const canaries = ['canary/of+the=operator', 'CanaryCanaryCanary', 'the-key-of-a-client']
    secrets.keep(...canaries)
    const unknown = [`whk_${'A'.repeat(49)}`, `88_${'b'.repeat(120)}`]
    for (const secret of [...canaries, ...unknown]) {
      const forms = [secret, encodeURIComponent(secret), `GET /${secret}?secret=${encodeURIComponent(secret)}`]
      for (const text of forms) {
        const fields = { what: text, client: text, account: text, result: text, detail: text, requestId: text }
        for (const action of ['hand-out', 'refusal', 'refresh', 'client'] as const) {
          for (const _twice of [1, 2]) audit.note({ action, ...fields, address: text })
        }
      }
    }
    await audit.close()
    expect(lines().length).toBeGreaterThan(100)
    expect(leaksIn(JSON.stringify(lines()), canaries)).toEqual([])
    for (const secret of unknown) expect(JSON.stringify(lines())).not.toContain(secret)
  })

  it('is cut, but not within a secret, and cannot begin a line of its own', async () => {
    secrets.keep('CanaryCanaryCanary')
    audit.note({ ...refusal, what: `${'a'.repeat(250)}CanaryCanaryCanary` })
    audit.note({ ...refusal, what: '\n{"action":"hand-out"}\n', address: 'x'.repeat(1000) })
    await audit.close()
    const [first, second] = lines()
    expect(first?.['what']).toBe(`${'a'.repeat(250)}[secre`)
    expect(second).toMatchObject({ what: '\n{"action":"hand-out"}\n', address: 'x'.repeat(64) })
    expect(lines()).toHaveLength(2)
  })
})

it('goes on while the disk fails, and then tells how many lines were lost', async () => {
  writeFileSync(folder, 'a file in the place of the folder')
  const detail = 'x'.repeat(200)
  const client = { action: 'client', what: 'added', client: 'crm', result: 'in-force', detail } as const
  for (let i = 0; i < 5000; i += 1) audit.note(client)
  await until(() => events.some(({ type }) => type === 'failed'))
  const lost = events.filter(({ type }) => type === 'lost').length
  expect(lost).toBeGreaterThan(0)
  rmSync(folder)
  await clock.advance(1000)
  await until(() => events.some(({ type }) => type === 'recovered'))
  await audit.close()
  expect(lines()).toHaveLength(5000 - lost + 1)
  expect(lines().at(-1)).toMatchObject({ action: 'audit', what: 'lines', result: 'lost', times: lost })
})
