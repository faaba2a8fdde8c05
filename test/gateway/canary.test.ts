import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashKey, makeKey } from '../../src/access/key.js'
import type { Scope } from '../../src/http/route.js'
import type { FaultKind } from '../../src/sandbox/sandbox.js'
import { whileTimePasses } from '../broker/sdk-requests.js'
import { MovableClock } from '../support/movable-clock.js'
import { blog, hubKey, RunningHub, shop } from '../support/running-hub.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'

const keys = { crm: makeKey(), bot: makeKey(), page: makeKey(), revoked: makeKey() }
/** Of no form that a log could know it by. */
const chosenKey = 'operators/own+key:0815~no-form'
const client = (key: string, ...scopes: Scope[]) => ({ keyHash: [hashKey(key)], accounts: ['shop'], scopes })
const clients = {
  crm: client(keys.crm, 'token'),
  bot: client(keys.bot, 'gateway:/cgi-bin/*'),
  page: client(keys.page, 'ticket', 'gateway:/cgi-bin/user/*'),
  own: client(chosenKey, 'gateway:/cgi-bin/*', 'ticket'),
}

/** All that the hub said and that is no rightful answer: log lines, metrics, audit files, refusals, names of files. */
const said: string[] = []
const secrets = new Set([shop.appSecret, blog.appSecret, hubKey, chosenKey, ...Object.values(keys)])
const hubTokens: string[] = []
/** What nobody shows to the hub, and so must not be said all the more. */
const unshown = new Set<string>()

let dataDir: string
const clock = new MovableClock()

beforeAll(async () => {
  dataDir = temporaryFolder()
  for (const endpoint of ['token', 'stable_token'] as const) {
    const running = await RunningHub.start({
      ...{ dataDir, clock, shop: { endpoint } },
      config: { clients, log: { level: 'trace' }, limits: { clientPerMinute: 0, refusedPerMinute: 40 } },
    })
    await tokensAreFetched(running)
    await tokensAreUsed(running)
    await theftIsNoticed(running, endpoint)
    await wechatFails(running)
    await wechatRepeatsWhatItGot(running)
    await strangersShowSecrets(running)
    await signingKeysFail(running)
    said.push(await (await running.request('/metrics')).text())
    await running.close()
    said.push(...running.logLines, ...(await readdir(dataDir, { recursive: true })))
    const audit = join(dataDir, 'audit')
    for (const name of await readdir(audit)) said.push(...(await readFile(join(audit, name), 'utf8')).split('\n'))
    // For the next start, which sets them aside: what they sign is worth nothing any more.
    const { keys: old } = JSON.parse(await readFile(join(dataDir, 'hub-token-keys.json'), 'utf8'))
    for (const { secret } of old) {
      secrets.delete(secret)
      unshown.add(secret)
    }
    await writeFile(join(dataDir, 'hub-token-keys.json'), JSON.stringify({ keys: [...secrets] }))
  }
}, 120_000)

afterAll(() => removeFolder(dataDir))

describe('no secret of the SDKs’ way is said (P6)', () => {
  it('after flows in which every secret was used', () => {
    expect(hubTokens.length).toBeGreaterThanOrEqual(6)
    expect(secrets.size).toBeGreaterThan(20)
    expect(said.length).toBeGreaterThan(300)
    for (const word of ['died-early', 'hub-token-keys-set-aside', 'hub-token-keys-failed', '"action":"refusal"']) {
      expect(said.some((text) => text.includes(word))).toBe(true)
    }
  })

  it.each([
    ['as it is', (secret: string) => [secret]],
    ['URL-encoded', (secret: string) => [encodeURIComponent(secret), encodeURIComponent(encodeURIComponent(secret))]],
    ['in base64', base64Forms],
    ['in hex', (secret: string) => [hex(secret), hex(secret).toUpperCase()]],
  ])('%s', (_how, formsOf) => {
    for (const secret of [...secrets, ...unshown]) {
      for (const form of formsOf(secret)) {
        const leaks = said.filter((text) => text.includes(form))
        expect(leaks.map((text) => text.slice(0, 300))).toEqual([])
      }
    }
  })

  it('nor the part of a hub token that proves it', () => {
    for (const token of hubTokens) {
      const mac = token.slice(token.lastIndexOf('.') + 1)
      expect(said.filter((text) => text.includes(mac)).map((text) => text.slice(0, 300))).toEqual([])
    }
  })
})

/** Base64 of a secret inside something longer starts at one of three offsets; the ends of each are not its own. */
function base64Forms(secret: string): string[] {
  return ['', 'a', 'ab'].flatMap((before) => {
    const own = Buffer.from(`${before}${secret}`).toString('base64').replace(/=+$/, '').slice(4, -2)
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')]
  })
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex')
}

/** As an SDK asks, without a key in a header. Everything but a rightful answer is heard. */
async function ask(running: RunningHub, path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const response = await whileTimePasses(clock, running, running.request(path, { key: undefined, ...init }))
  const text = await response.text()
  const isRefusal = text.includes('"errcode"') && !text.includes('"errcode":0')
  if (isRefusal) said.push(text, JSON.stringify([...response.headers]))
  return text.startsWith('{') ? JSON.parse(text) : {}
}

const tokenQuery = (secret: string) =>
  `/cgi-bin/token?grant_type=client_credential&appid=${shop.appID}&secret=${encodeURIComponent(secret)}`

/** The token that a client gets, real or of the hub. */
async function tokenOf(running: RunningHub, key: string): Promise<string> {
  const { access_token } = await ask(running, tokenQuery(key))
  const token = String(access_token)
  secrets.add(token)
  if (token.startsWith('wht_')) hubTokens.push(token)
  return token
}

async function tokensAreFetched(running: RunningHub): Promise<void> {
  for (const secret of [...secrets]) {
    await tokenOf(running, secret)
    const fields = { grant_type: 'client_credential', appid: shop.appID, secret, force_refresh: true }
    for (const body of [fields, { ...fields, secret: [secret] }, { ...fields, appid: secret }, secret]) {
      await ask(running, '/cgi-bin/stable_token', { method: 'POST', body: JSON.stringify(body) })
    }
    await ask(running, `/cgi-bin/stable_token?secret=${encodeURIComponent(secret)}`)
    await ask(running, tokenQuery(secret), { method: 'POST', body: secret })
  }
  secrets.delete('undefined')
  const stored = JSON.parse(await readFile(join(running.dataDir, 'hub-token-keys.json'), 'utf8'))
  for (const { secret } of stored.keys) {
    secrets.add(secret)
    unshown.add(Buffer.from(secret, 'base64url').toString('hex'))
  }
}

async function tokensAreUsed(running: RunningHub): Promise<void> {
  for (const key of [keys.crm, keys.bot, keys.page, chosenKey]) {
    const token = await tokenOf(running, key)
    for (const path of [
      '/cgi-bin/user/info?openid=o',
      '/cgi-bin/ticket/getticket?type=jsapi',
      '/cgi-bin/clear_quota?x',
    ]) {
      const { ticket } = await ask(running, `${path}&access_token=${token}`)
      if (typeof ticket === 'string') secrets.add(ticket)
      await ask(running, path, { headers: { authorization: `Bearer ${key}` } })
      await ask(running, `${path}&access_token=${token}`, { method: 'POST', body: token })
    }
  }
}

async function theftIsNoticed(running: RunningHub, endpoint: 'token' | 'stable_token') {
  const real = await tokenOf(running, keys.crm)
  const hubToken = await tokenOf(running, keys.bot)
  for (const token of [real, hubToken]) {
    await clock.advance(60_000)
    secrets.add(running.sandbox.tokens.issue(shop.appID, endpoint, { atOnce: true }).access_token)
    await ask(running, `/cgi-bin/user/info?openid=o&access_token=${token}`)
    await ask(running, `/cgi-bin/user/info?openid=o&access_token=${token}`)
    await tokenOf(running, keys.crm)
  }
  await clock.advance(60_000)
  running.sandbox.tokens.issue(shop.appID, endpoint, { atOnce: true })
  await tokenOf(running, keys.crm)
}

async function wechatFails(running: RunningHub): Promise<void> {
  const token = await tokenOf(running, keys.bot)
  const kinds: FaultKind[] = ['reset', 'truncate', 'status', 'garbage', 'busy', 'ip', 'quota', 'huge']
  for (const kind of kinds) {
    running.sandbox.faults.add({ kind, path: '/cgi-bin/user' })
    await ask(running, `/cgi-bin/user/info?openid=o&access_token=${token}`).catch(() => undefined)
    await ask(running, `/cgi-bin/user/info?access_token=${token}`, { method: 'POST', body: token }).catch(
      () => undefined,
    )
    running.sandbox.faults.clear()
  }
}

/** WeChat’s errmsg may hold what it was sent: the access_token. */
async function wechatRepeatsWhatItGot(running: RunningHub): Promise<void> {
  const { wechat } = running.hub.accounts.find('shop') ?? {}
  const real = (await wechat?.fetchAccessToken()) ?? ''
  secrets.add(real)
  const token = await tokenOf(running, keys.bot)
  for (const errcode of [40001, 40003, 99999]) {
    running.sandbox.faults.add({
      kind: 'errcode',
      errcode,
      errmsg: `bad ${real} in access_token=${real}`,
      path: '/cgi-bin/user',
    })
    await ask(running, `/cgi-bin/user/info?openid=o&access_token=${token}`)
    running.sandbox.faults.clear()
  }
}

/** Secrets where they do not belong: in paths, in headers, in bodies, as accounts and as request ids. */
async function strangersShowSecrets(running: RunningHub): Promise<void> {
  for (const secret of [...secrets]) {
    const encoded = encodeURIComponent(secret)
    const name = /^[\x21-\x7e]+$/.test(secret) ? { authorization: `Bearer ${secret}`, cookie: secret } : {}
    const requests = [
      ask(running, `/nowhere/${encoded}?secret=${encoded}`),
      ask(running, `/nowhere/access_token%3D${encoded}`),
      ask(running, `/cgi-bin/${encoded}?access_token=${encoded}`),
      ask(running, `/cgi-bin/user/info?access_token=${encoded}x`),
      ask(running, `/cgi-bin/user/info?access_token=${encoded}&access_token=${encoded}`),
      ask(running, `/cgi-bin/user/info?appid=${encoded}`, { headers: name }),
      ask(running, `/v1/${encoded}/access-token`, { headers: name }),
      ask(running, `/cgi-bin/ticket/getticket?type=${encoded}&access_token=${encoded}`),
      ask(running, '/healthz', { headers: { 'x-request-id': encoded.slice(0, 64).replaceAll('%', '.') } }),
    ]
    await Promise.all(requests)
  }
}

async function signingKeysFail(running: RunningHub): Promise<void> {
  const file = join(running.dataDir, 'hub-token-keys.json')
  const text = await readFile(file, 'utf8')
  await rm(file)
  await mkdir(join(file, 'in the way'), { recursive: true })
  await clock.advance(24 * 3_600_000)
  await tokenOf(running, keys.bot)
  await until(() => running.logLines.some((line) => line.includes('hub-token-keys-failed')))
  await rm(file, { recursive: true })
  await writeFile(file, text)
}
