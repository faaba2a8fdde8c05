import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { fileStore } from '../../src/stores/file.js'
import { ticketTypes } from '../../src/wechat/ticket-endpoint.js'
import { Child } from '../support/child.js'
import type { WechatCommands } from '../support/child-wechat.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const identity = { appID: 'wx0123456789abcdef', appSecret: '0123456789abcdef0123456789abcdef' }
const { appID } = identity
const callers = 50

let sandbox: Sandbox
let apiDomain: string
let root: string
let folder: string

beforeEach(async () => {
  root = temporaryFolder()
  folder = join(root, 'data')
  sandbox = new Sandbox({ accounts: [identity] })
  apiDomain = await sandbox.listen()
})

afterEach(async () => {
  await Child.killAll()
  await sandbox.close()
  removeFolder(root)
})

const fetches = () => sandbox.requests.count('/cgi-bin/ticket/getticket')
const tokenFetches = () => sandbox.requests.count('/cgi-bin/token')

/** Four programs that share the account's folder. */
function startPrograms(): Promise<Child<WechatCommands>[]> {
  const settings = { folder, apiDomain, ...identity }
  return Promise.all(Array.from({ length: 4 }, () => Child.start<WechatCommands>('child-wechat', settings)))
}

/** What 50 callers of each type in each program are given: by type, the different tickets and where they came from. */
async function getInAll(programs: Child<WechatCommands>[]) {
  const asked = ticketTypes.map(async (type) => {
    const given = (await Promise.all(programs.map((program) => program.ask('getTicket', { type, callers })))).flat()
    expect(given).toHaveLength(200)
    return { tickets: new Set(given.map(({ value }) => value)), from: new Set(given.map(({ from }) => from)) }
  })
  return Promise.all(asked)
}

const ticketsOfWechat = () => ticketTypes.map((type) => new Set([sandbox.tickets.get(appID, type).ticket]))

describe('four processes with 50 callers for each ticket (P1)', () => {
  it('cause one upstream call for each type, and one for the access_token', async () => {
    const programs = await startPrograms()
    const given = await getInAll(programs)
    expect(given.map(({ tickets }) => tickets)).toEqual(ticketsOfWechat())
    expect([fetches(), tokenFetches()]).toEqual([2, 1])
    await getInAll(programs)
    expect([fetches(), tokenFetches()]).toEqual([2, 1])
  })

  it('cause one upstream call for each type when the stored tickets have expired or are broken', async () => {
    const store = fileStore(folder).account(appID)
    await store.save('jsapi_ticket', { ticket: 'old', expires_in: 7200, expires_time: Date.now() - 1000, version: 41 })
    await store.save('wx_card_ticket', { ticket: 'no moment of death', version: 41 })
    const given = await getInAll(await startPrograms())
    expect(given.map(({ tickets }) => tickets)).toEqual(ticketsOfWechat())
    expect(fetches()).toBe(2)
    const stored = JSON.parse(String(await store.read('jsapi_ticket')))
    expect(stored).toMatchObject({ ticket: sandbox.tickets.get(appID, 'jsapi').ticket, version: 42 })
  })

  it('cause no upstream call when the stored tickets live', async () => {
    await getInAll(await startPrograms())
    sandbox.requests.clear()
    const given = await getInAll(await startPrograms())
    expect(given.map(({ tickets }) => tickets)).toEqual(ticketsOfWechat())
    expect(given.map(({ from }) => from)).toEqual([new Set(['store']), new Set(['store'])])
    expect(sandbox.requests.list().count).toBe(0)
  })

  it('recover from a stolen access_token with one refresh of it', async () => {
    const programs = await startPrograms()
    await Promise.all(programs.map((program) => program.ask('get', 1)))
    sandbox.tokens.issue(appID, 'token', { atOnce: true })
    sandbox.requests.clear()
    const given = await getInAll(programs)
    expect(given.map(({ tickets }) => tickets)).toEqual(ticketsOfWechat())
    expect(tokenFetches()).toBe(1)
    const { requests } = sandbox.requests.list('/cgi-bin/ticket/getticket')
    expect(requests.filter(({ errcode }) => errcode === 0)).toHaveLength(2)
    // Each program learns by itself that its token is dead, once for each type.
    expect(requests.filter(({ errcode }) => errcode === 40001).length).toBeLessThanOrEqual(8)
    expect(requests.length).toBeLessThanOrEqual(10)
  })
})
