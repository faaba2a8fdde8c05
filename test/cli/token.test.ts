import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { RunningHub, shop } from '../support/running-hub.js'
import { ConfiguredFolder } from './configured-folder.js'
import { runCli } from './run-cli.js'

let running: RunningHub
let folder: ConfiguredFolder

beforeEach(async () => {
  running = await RunningHub.start()
  folder = await ConfiguredFolder.make(running.apiDomain, { both: true, dataDir: running.dataDir })
})

afterEach(async () => {
  await folder.remove()
  await running.close()
})

it('prints the token that a running hub serves, and fetches none of its own', async () => {
  const { access_token } = await running.token('/v1/shop/access-token')
  const shown = await folder.run('token', 'shop', '--show', '--json')
  expect(shown.code).toBe(0)
  expect(JSON.parse(shown.stdout)).toEqual({ access_token, expires_in: expect.any(Number), from: 'store' })
  const text = await folder.run('token', shop.appID, '--show')
  expect(text.stdout).toMatch(new RegExp(`^access_token +${access_token}\\nexpires_in +\\d+\\nfrom +store\\n$`))
  expect(running.sandbox.requests.count('/cgi-bin/token')).toBe(1)
})

it('masks the token unless it is asked for', async () => {
  const { access_token } = await running.token('/v1/shop/access-token')
  const start = access_token.slice(0, 6)
  const ends = [await folder.run('token', 'shop'), await folder.run('token', 'shop', '--json')]
  for (const { code, stdout, stderr } of ends) {
    expect(code).toBe(0)
    expect(stdout).toContain(`${start}… (${access_token.length} characters)`)
    expect(stdout + stderr).not.toContain(access_token.slice(0, 12))
  }
})

it('fetches one where there is none, which a running hub then serves', async () => {
  const { stdout } = await folder.run('token', 'blog', '--show', '--json')
  const { access_token, from } = JSON.parse(stdout)
  expect(from).toBe('wechat')
  expect(await running.token('/v1/blog/access-token')).toMatchObject({ access_token, from: 'store' })
  expect(running.sandbox.requests.count('/cgi-bin/token')).toBe(1)
})

it('says why there is none, and what to do', async () => {
  running.sandbox.faults.add({ kind: 'ip' })
  const { code, stdout, stderr } = await folder.run('token', 'shop')
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^wechat-hub: No access_token can be had now: .*40164/)
  expect(stderr).toContain('The address is 203.0.113.7')
  expect(stderr).not.toMatch(/\n +at /)
})

it('refuses an account that is not configured, and names those that are', async () => {
  expect(await folder.run('token', 'crm')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'wechat-hub: there is no account "crm" (known: shop, blog)\n',
  })
})

it('fetches nothing that it could not keep', async () => {
  const file = join(folder.path, 'file')
  await writeFile(file, '')
  const bad = await ConfiguredFolder.make(running.apiDomain, { dataDir: file })
  const { code, stderr } = await bad.run('token', 'shop')
  expect(code).toBe(78)
  expect(stderr).toContain('dataDir (WECHAT_HUB_DATA)')
  expect(running.sandbox.requests.count('/cgi-bin/token')).toBe(0)
  await bad.remove()
})

it('without an account says what to set', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'wechat-hub-cli-'))
  for (const args of [['token', 'default'], ['doctor']]) {
    const { code, stdout, stderr } = await runCli(empty, args)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain('no account is configured. Set WECHAT_APPID, WECHAT_APPSECRET and WECHAT_TOKEN')
  }
  await rm(empty, { recursive: true })
})
