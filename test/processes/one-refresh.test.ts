import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { fileStore } from '../../src/stores/file.js'
import type { TokenEndpointName } from '../../src/wechat/token-endpoint.js'
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
  sandbox = new Sandbox({ accounts: [{ ...identity, dailyTokens: 100_000 }] })
  apiDomain = await sandbox.listen()
})

afterEach(async () => {
  await Child.killAll()
  await sandbox.close()
  removeFolder(root)
})

/** Four programs that share the account's folder. */
function startPrograms(endpoint: TokenEndpointName = 'token'): Promise<Child<WechatCommands>[]> {
  const settings = { folder, apiDomain, endpoint, ...identity }
  return Promise.all(Array.from({ length: 4 }, () => Child.start<WechatCommands>('child-wechat', settings)))
}

/** What 50 callers in each program are given. */
async function getInAll(programs: Child<WechatCommands>[]) {
  return (await Promise.all(programs.map((program) => program.ask('get', callers)))).flat()
}

const accepts = (token: string) => sandbox.tokens.judge(sandbox.tokens.find(token)) === 'live'

describe.each<TokenEndpointName>(['token', 'stable_token'])(
  'four processes with 50 callers each, %s (P1)',
  (endpoint) => {
    const fetches = () => sandbox.requests.count(`/cgi-bin/${endpoint}`)

    async function expectOneRefresh(programs: Child<WechatCommands>[]): Promise<string> {
      const given = await getInAll(programs)
      expect(given).toHaveLength(200)
      const [token = '', ...others] = new Set(given.map(({ value }) => value))
      expect(others).toEqual([])
      expect(accepts(token)).toBe(true)
      expect(fetches()).toBe(1)
      expect(sandbox.requests.inFlight.most(appID)).toBe(1)
      return token
    }

    it('cause one upstream call when there is no token yet', async () => {
      const programs = await startPrograms(endpoint)
      const token = await expectOneRefresh(programs)
      const again = await getInAll(programs)
      expect(new Set(again.map(({ value }) => value))).toEqual(new Set([token]))
      expect(fetches()).toBe(1)
    })

    it('cause one upstream call when the stored token has expired', async () => {
      const record = { access_token: 'expired', expires_in: 7200, expires_time: Date.now() - 1000, version: 41 }
      await fileStore(folder).account(appID).save('access_token', record)
      const token = await expectOneRefresh(await startPrograms(endpoint))
      const stored = JSON.parse(String(await fileStore(folder).account(appID).read('access_token')))
      expect(stored).toMatchObject({ access_token: token, version: 42 })
    })

    it('cause one upstream call when the stored record is broken', async () => {
      await fileStore(folder).account(appID).save('access_token', { access_token: 'no moment of death', version: 41 })
      await expectOneRefresh(await startPrograms(endpoint))
    })

    it('cause no upstream call when the stored token lives', async () => {
      const [first] = await startPrograms(endpoint)
      const token = await first?.ask('update')
      sandbox.requests.clear()
      const given = await getInAll(await startPrograms(endpoint))
      expect(new Set(given.map(({ value, from }) => `${from} ${value}`))).toEqual(new Set([`store ${token}`]))
      expect(fetches()).toBe(0)
    })

    it('cause one refresh when the token was stolen and all 200 report it (P5)', async () => {
      const programs = await startPrograms(endpoint)
      const dead = await expectOneRefresh(programs)
      // A thief with the secret: by `token` at once as WeChat sometimes does, by `stable_token` in force mode.
      sandbox.tokens.issue(appID, endpoint, { atOnce: true })
      sandbox.requests.clear()
      const given = await Promise.all(
        programs.map((program) => program.ask('reject', { token: dead, reporters: callers })),
      )
      const [token = '', ...others] = new Set(given.flat())
      expect(others).toEqual([])
      expect(accepts(token)).toBe(true)
      expect(token).not.toBe(dead)
      expect(fetches()).toBe(1)
      const probes = sandbox.requests.count('/cgi-bin/getcallbackip')
      expect(probes).toBeGreaterThanOrEqual(1)
      expect(probes).toBeLessThanOrEqual(4)
      expect(sandbox.requests.inFlight.most(appID)).toBe(1)
    })

    it('cause no refresh when all 200 report a token that WeChat still takes (P5)', async () => {
      const programs = await startPrograms(endpoint)
      const token = await expectOneRefresh(programs)
      const given = await Promise.all(programs.map((program) => program.ask('reject', { token, reporters: callers })))
      expect(new Set(given.flat())).toEqual(new Set([token]))
      expect(fetches()).toBe(1)
      expect(sandbox.requests.count('/cgi-bin/getcallbackip')).toBeLessThanOrEqual(4)
    })
  },
)
