import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { formsOf } from '../support/leaks.js'
import { hubKey, shop } from '../support/running-hub.js'
import { type SeenRequest, Upstream } from '../support/upstream.js'
import { ConfiguredFolder } from './configured-folder.js'
import { type Ended, runCli } from './run-cli.js'

const aesKey = 'CanaryCanaryCanaryCanaryCanaryCanaryCanary1'
const routeSecret = 'canary-of-a-route-0123456789'
const storedToken = `88_${'StoredCanary'.repeat(10)}`
const stableToken = `89_${'StableCanary'.repeat(10)}`
const fetchedToken = `87_${'FetchedCanary'.repeat(10)}`
const strangeToken = `86_${'StrangeCanary'.repeat(10)}`

/** Says back everything it was told, and a token that nobody knew. */
function echo({ url, body, headers }: SeenRequest): string {
  const told = `${url.href} ${decodeURIComponent(url.href)} ${body} ${JSON.stringify(headers)} ${strangeToken}`
  const encoded = [shop.appSecret, storedToken].map((secret) => Buffer.from(secret).toString('base64'))
  return `${told} ${encoded.join(' ')}`
}

const secrets = [shop.appSecret, shop.token, aesKey, routeSecret, hubKey]
const tokens = [storedToken, stableToken, fetchedToken, strangeToken]
const keys: string[] = []
const said: string[] = []

let upstreams: Upstream[]
let folders: ConfiguredFolder[]

/** Runs a command, and notes what it says; `reveals`: stdout is a key. */
async function run(folder: ConfiguredFolder, args: string[], { reveals = false } = {}): Promise<Ended> {
  const ended = await runCli(folder.path, args, { WECHAT_HUB_KEY: hubKey })
  said.push(ended.stderr)
  if (reveals) keys.push(ended.stdout.trim())
  else said.push(ended.stdout)
  return ended
}

beforeAll(async () => {
  const refusing = await Upstream.start((request) => ({ errcode: 40013, errmsg: echo(request) }))
  const giving = await Upstream.start((request) => {
    const { pathname } = request.url
    if (pathname === '/cgi-bin/stable_token') return { access_token: stableToken, expires_in: 7200 }
    if (pathname === '/cgi-bin/token') return { access_token: fetchedToken, expires_in: 7200 }
    return { errcode: 40001, errmsg: echo(request) }
  })
  upstreams = [refusing, giving]
  const routes = [{ to: 'http://127.0.0.1:9/bot', format: 'json', secret: routeSecret }]
  const settings = { encodingAESKey: aesKey, mode: 'safe', routes }
  folders = await Promise.all(upstreams.map(({ apiDomain }) => ConfiguredFolder.make(apiDomain, { settings })))
  await Promise.all(folders.map(flows))
}, 120_000)

afterAll(async () => {
  await Promise.all(folders.map((folder) => folder.remove()))
  await Promise.all(upstreams.map((upstream) => upstream.close()))
})

async function flows(folder: ConfiguredFolder): Promise<void> {
  await run(folder, ['token', 'shop'])
  const record = { access_token: storedToken, expires_in: 7200, expires_time: Date.now() + 7_000_000, version: 9 }
  mkdirSync(join(folder.dataDir, shop.appID), { recursive: true, mode: 0o700 })
  writeFileSync(join(folder.dataDir, shop.appID, 'access_token.json'), JSON.stringify(record), { mode: 0o600 })
  await run(folder, ['token', 'shop', '--json'])
  await run(folder, ['doctor', '--network', '--url', `http://127.0.0.1:9/wx?secret=${routeSecret}`])
  await run(folder, ['doctor', '--json', '--network'])
  await run(folder, ['client', 'add', 'crm', '--account', 'shop', '--scope', 'token'], { reveals: true })
  await run(folder, ['client', 'rotate', 'crm'], { reveals: true })
  await run(folder, ['client', 'rotate', 'crm'])
  await run(folder, ['client', 'list'])
  await run(folder, ['client', 'list', '--json'])
  await run(folder, ['client', 'rotate', keys[0] ?? ''])
  await run(folder, ['client', 'add', keys[0] ?? '', '--account', shop.appSecret, '--scope', hubKey])
  await run(folder, ['token', shop.appSecret])
  await run(folder, ['client', 'revoke', 'crm', `--${keys[0]}`])
  await run(folder, ['client', 'revoke', 'crm'])
}

it('met the secrets on the way', () => {
  expect(keys).toHaveLength(4)
  expect(keys.every((key) => /^whk_\w{49}$/.test(key))).toBe(true)
  const heard = upstreams.flatMap(({ seen }) => seen.map(({ url, body }) => url.href + body)).join('\n')
  for (const secret of [shop.appSecret, storedToken, stableToken]) expect(heard).toContain(secret)
  expect(said.join('\n')).toContain('40013')
  expect(said.join('\n')).toContain('WeChat refuses the stored one')
  expect(said.join('\n')).toContain('[secret]')
})

it('said none of them, in whichever form (P6)', () => {
  const all = said.join('\n')
  const leaks = [...secrets, ...tokens, ...keys].flatMap(formsOf).filter((form) => all.includes(form))
  expect(leaks).toEqual([])
})
