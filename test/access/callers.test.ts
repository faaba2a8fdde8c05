import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClientEditor } from '../../src/access/client-editor.js'
import { hashKey, makeKey } from '../../src/access/key.js'
import { clientsFile } from '../../src/access/stored-clients.js'
import type { Scope } from '../../src/http/route.js'
import { fileText } from '../../src/stores/file-text.js'
import { MovableClock } from '../support/movable-clock.js'
import { blog, RunningHub, shop } from '../support/running-hub.js'
import { until } from '../support/until.js'

const ip = '/cgi-bin/getcallbackip'
const both = makeKey()
const reader = makeKey()
const exact = makeKey()
const holder = makeKey()
const nobody = makeKey()

function client(key: string, accounts: string[], ...scopes: Scope[]) {
  return { keyHash: [hashKey(key)], accounts, scopes }
}

const clients = {
  both: client(both, ['shop', 'blog'], 'gateway:/cgi-bin/*'),
  reader: client(reader, ['shop'], 'gateway:/cgi-bin/getcallbackip'),
  exact: client(exact, ['shop'], 'gateway:/cgi-bin/clear_quota'),
  holder: client(holder, ['shop'], 'token', 'gateway:/cgi-bin/*'),
  nobody: client(nobody, [], 'gateway:/cgi-bin/*'),
}

let clock: MovableClock
let running: RunningHub

beforeEach(async () => {
  clock = new MovableClock()
  running = await RunningHub.start({ clock, config: { clients } })
})

afterEach(() => running.close())

/** The errcode of the answer, which comes with HTTP 200; 0 where there is none. */
async function errcodeOf(path: string, key?: string, init: RequestInit = {}): Promise<number> {
  const response = await running.request(path, { key, ...init })
  const { errcode = 0 } = Object(await response.json())
  return response.status === 200 ? errcode : -response.status
}

async function tokenOf(key: string, appID: string = shop.appID): Promise<string> {
  const query = `grant_type=client_credential&appid=${appID}&secret=${key}`
  const { access_token } = await running.token(`/cgi-bin/token?${query}`)
  return access_token
}

const withToken = (token: string, path = ip) => errcodeOf(`${path}?access_token=${token}`)

describe('a call of WeChat’s paths', () => {
  it('is let in with a client key in the header, a hub token, or the real access_token', async () => {
    expect(await errcodeOf(ip, reader)).toBe(0)
    expect(await withToken(await tokenOf(reader))).toBe(0)
    expect(await withToken(await tokenOf(holder))).toBe(0)
  })

  it('is refused without any of them', async () => {
    expect(await errcodeOf(ip)).toBe(41001)
    expect(await withToken('')).toBe(40001)
    expect(await withToken(reader)).toBe(40001)
    expect(await withToken('made-up')).toBe(40001)
    expect(await withToken('wht_made-up')).toBe(42001)
    expect(await errcodeOf(ip, 'wrong')).toBe(40001)
    expect(await errcodeOf(`${ip}?access_token=${await tokenOf(reader)}`, 'wrong')).toBe(40001)
    expect(await errcodeOf(ip, undefined, { headers: { authorization: `Basic ${reader}` } })).toBe(40001)
    expect(running.sandbox.requests.count(ip)).toBe(0)
  })

  it('with a key of several accounts names the one that is meant', async () => {
    expect(await errcodeOf(ip, both)).toBe(41002)
    expect(await errcodeOf(ip, nobody)).toBe(41002)
    expect(await errcodeOf(`${ip}?appid=${shop.appID}`, both)).toBe(0)
    expect(await errcodeOf(`${ip}?appid=${blog.appID}`, both)).toBe(0)
    expect(await errcodeOf(`${ip}?appid=${blog.appID}`, reader)).toBe(40013)
    expect(await errcodeOf(`${ip}?appid=wx00000000000000aa`, both)).toBe(40013)
  })

  it('with a hub token goes to the account of the token, whatever it names', async () => {
    const token = await tokenOf(both, blog.appID)
    const body = JSON.stringify({ touser: 'o', msgtype: 'text' })
    const path = `/cgi-bin/message/custom/send?access_token=${token}&appid=${shop.appID}`
    expect(await errcodeOf(path, undefined, { method: 'POST', body })).toBe(0)
    expect(running.sandbox.messages.list().map(({ appid }) => appid)).toEqual([blog.appID])
  })

  it('is refused beyond the client’s scopes, and to the real access_token where paths are guarded', async () => {
    const path = '/cgi-bin/clear_quota'
    expect(await errcodeOf('/cgi-bin/user/info?openid=o', reader)).toBe(48001)
    expect(await withToken(await tokenOf(reader), '/cgi-bin/user/info')).toBe(48001)
    expect(await errcodeOf(path, both)).toBe(41002)
    expect(await withToken(await tokenOf(both), path)).toBe(48001)
    expect(await withToken(await tokenOf(holder), path)).toBe(48001)
    expect(await errcodeOf(path, undefined)).toBe(41001)
    expect(running.sandbox.requests.count(path)).toBe(0)
    await errcodeOf(`${path}?access_token=${await tokenOf(exact)}`, undefined, { method: 'POST', body: '{}' })
    expect(running.sandbox.requests.count(path)).toBe(1)
  })

  it('with the real access_token ends when the hub knows that it is dead', async () => {
    const token = await tokenOf(holder)
    running.sandbox.tokens.issue(shop.appID, 'token', { atOnce: true })
    expect(await withToken(token)).toBe(0)
    expect(await withToken(token)).toBe(40001)
    expect(await withToken(await tokenOf(holder))).toBe(0)
  })

  it('with the real access_token needs a client that gets it and may do this', async () => {
    const token = await tokenOf(holder)
    expect(await withToken(token)).toBe(0)
    await running.close()
    const { holder: _revoked, ...others } = clients
    running = await RunningHub.start({ clock, config: { clients: others } })
    const real = await running.hub.accounts.find('shop')?.wechat.fetchAccessToken()
    expect(await withToken(String(real))).toBe(48001)
  })

  it('with a made-up token is nobody that the account gets ready for', async () => {
    expect((await running.request('/readyz')).status).toBe(200)
    for (let n = 0; n < 3; n += 1) expect(await withToken(`made-up-${n}`)).toBe(40001)
    expect((await running.request('/readyz')).status).toBe(200)
  })

  it('with the real access_token before goes on for the change-over, as at WeChat', async () => {
    const token = await tokenOf(holder)
    await running.hub.accounts.find('shop')?.wechat.updateAccessToken()
    await clock.advance(299_000)
    expect(await withToken(token)).toBe(0)
    await clock.advance(1000)
    expect(await withToken(token)).toBe(40001)
  })
})

describe('a stored client, while the hub runs,', () => {
  const stored = { name: 'erp', accounts: ['shop'], scopes: ['gateway:/cgi-bin/*' as const] }
  let editor: ClientEditor

  beforeEach(() => {
    editor = new ClientEditor({ text: fileText(clientsFile(running.dataDir)) })
  })

  /** One second of the hub's time; then it is so, without any more of it. */
  async function withinASecond(condition: () => Promise<boolean>): Promise<void> {
    await clock.advance(1000)
    await until(condition)
  }

  async function added(): Promise<{ key: string; token: string }> {
    const key = await editor.add(stored)
    await withinASecond(async () => (await errcodeOf(ip, key)) === 0)
    return { key, token: await tokenOf(key) }
  }

  it('loses its key and its hub tokens within a second of its revocation', async () => {
    const { key, token } = await added()
    expect(await withToken(token)).toBe(0)
    await editor.revoke('erp')
    await withinASecond(async () => (await errcodeOf(ip, key)) === 40001)
    expect(await withToken(token)).toBe(42001)
    expect(await errcodeOf(`/cgi-bin/token?grant_type=client_credential&appid=${shop.appID}&secret=${key}`)).toBe(40125)
  })

  it('loses the hub tokens of a key within a second of its end, not those of the next one', async () => {
    const { key, token } = await added()
    const second = await editor.rotate('erp')
    await withinASecond(async () => (await errcodeOf(ip, second)) === 0)
    const next = await tokenOf(second)
    expect([await withToken(token), await withToken(next)]).toEqual([0, 0])
    await editor.finish('erp')
    await withinASecond(async () => (await errcodeOf(ip, key)) === 40001)
    expect([await withToken(token), await withToken(next)]).toEqual([42001, 0])
  })

  it('has other scopes within a second, its hub tokens too', async () => {
    const { key, token } = await added()
    const path = '/cgi-bin/user/info'
    const file = clientsFile(running.dataDir)
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace('gateway:/cgi-bin/*', 'gateway:/cgi-bin/user/*'))
    await withinASecond(async () => (await errcodeOf(ip, key)) === 48001)
    expect([await withToken(token), await withToken(token, path)]).toEqual([48001, 40003])
    await writeFile(file, text.replace('"shop"', '"blog"'))
    await withinASecond(async () => (await withToken(token)) === 42001)
  })
})

describe('who calls too often', () => {
  const refused = async (path: string, key?: string) => {
    const response = await running.request(path, { key })
    return { retryAfter: Number(response.headers.get('retry-after')), ...Object(await response.json()) }
  }

  it('is told so in WeChat’s words: a client, the holders of a real access_token, an address', async () => {
    await running.close()
    running = await RunningHub.start({ config: { clients, limits: { clientPerMinute: 2, refusedPerMinute: 2 } } })
    const real = await tokenOf(holder)
    const hubToken = await tokenOf(reader)
    for (const path of [`${ip}?access_token=${real}`, `${ip}?access_token=${hubToken}`, `${ip}?access_token=wrong`]) {
      const errcodes = [await errcodeOf(path), await errcodeOf(path), await errcodeOf(path)]
      expect(errcodes.at(-1)).toBe(45011)
      const { retryAfter, errcode } = await refused(path)
      expect([errcode, retryAfter > 0 && retryAfter <= 60]).toEqual([45011, true])
    }
    expect(await errcodeOf(`${ip}?appid=${shop.appID}`, both)).toBe(0)
  })
})
