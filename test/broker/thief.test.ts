import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MovableClock } from '../support/movable-clock.js'
import { RunningHub, shop } from '../support/running-hub.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { clientWith, fieldsOf, SdkRequests } from './sdk-requests.js'

const crm = clientWith('token')
const bot = clientWith('gateway:/cgi-bin/*')

describe.each(['token', 'stable_token'] as const)('P11: a theft from an account on %s', (endpoint) => {
  let dataDir: string
  let clock: MovableClock
  let running: RunningHub
  let metrics = ''
  const sdk = new SdkRequests(() => running)

  beforeEach(async () => {
    dataDir = temporaryFolder()
    clock = new MovableClock(Date.UTC(2026, 0, 31, 12))
    const config = { clients: { crm: crm.settings, bot: bot.settings } }
    running = await RunningHub.start({ clock, dataDir, config, shop: { endpoint } })
  })

  afterEach(() => removeFolder(dataDir))

  /** Half an hour after the access_token was fetched. */
  async function stealAfterHalfAnHour(): Promise<void> {
    await clock.advance(1_800_000)
    running.sandbox.tokens.issue(shop.appID, endpoint, { atOnce: true })
  }

  /** Ends the hub; answers what its audit and its log have of tokens that died early. */
  async function told() {
    metrics = await (await running.request('/metrics')).text()
    await running.close()
    const folder = join(dataDir, 'audit')
    const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')))
    const lines = [...running.logLines, ...texts.join('').trimEnd().split('\n')].map((line) => JSON.parse(line))
    return {
      log: lines.filter(({ event }) => event === 'died-early'),
      audit: lines.filter(({ result }) => result === 'died-early'),
    }
  }

  const time = '2026-01-31T12:30:00.000Z'

  async function isNamed(by: string): Promise<void> {
    const { log, audit } = await told()
    const about = { account: 'shop', credential: 'access_token', age: 1800, secondsLeft: 5400, noticedBy: by }
    expect(log).toEqual([expect.objectContaining({ level: 'warn', time: expect.any(String), ...about })])
    expect(log[0].msg).toContain('another program fetches tokens with the same AppSecret')
    const detail = `1800 s old, 5400 s before its end; by ${by}`
    const what = { action: 'refresh', what: 'access_token', account: 'shop', result: 'died-early' }
    expect(audit).toEqual([{ time, ...what, detail }])
    expect(metrics).toContain('wechat_hub_tokens_died_early_total{account="shop"} 1')
  }

  it('is noticed by one of many calls through the gateway, none of which fails', async () => {
    const { access_token } = await fieldsOf(sdk.token(bot.key))
    const path = `/cgi-bin/user/info?openid=o-1&access_token=${access_token}`
    await fieldsOf(sdk.get(path))
    await stealAfterHalfAnHour()
    const answers = await Promise.all(Array.from({ length: 30 }, () => fieldsOf(sdk.get(path))))
    for (const answer of answers) expect(answer).toMatchObject({ openid: 'o-1' })
    await isNamed('a call of /cgi-bin/user/info through the gateway')
  })

  it('is noticed by a client that fetches a second time', async () => {
    const first = await fieldsOf(sdk.token(crm.key))
    await stealAfterHalfAnHour()
    expect(await fieldsOf(sdk.token(crm.key))).not.toEqual(first)
    await isNamed('a second fetch by client crm')
  })

  it('is noticed by a client that fetches by force, though it has had none before', async () => {
    await fieldsOf(sdk.token(crm.key))
    await stealAfterHalfAnHour()
    await fieldsOf(sdk.stableToken(crm.key, { force_refresh: true }))
    await isNamed('a second fetch by client crm')
  })
})
