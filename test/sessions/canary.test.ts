import { cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openLevel } from '../../src/stores/level.js'
import { formsOf } from '../support/leaks.js'
import { readJson, shop } from '../support/running-hub.js'
import { encrypted, type LoggedIn, MiniProgramScene, signed } from './mini-program-scene.js'

const sessionKeys: string[] = []
const sessions: string[] = []
const codes: string[] = []
const openids: string[] = []
/** Every answer with its headers, and what the hub writes for people. */
const answers: string[] = []
const written: string[] = []

let dataDir: string

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'wechat-hub-sessions-'))
  const scene = await MiniProgramScene.start({ dataDir, config: { log: { level: 'trace' } } })
  for (let i = 0; i < 5; i += 1) await everything(scene)
  written.push(await (await scene.running.request('/metrics')).text())
  await scene.close()
  const audit = join(dataDir, 'audit')
  for (const name of await readdir(audit)) written.push(await readFile(join(audit, name), 'utf8'))
  written.push(...scene.running.logLines)
}, 60_000)

afterAll(() => rm(dataDir, { recursive: true, force: true }))

/** Every route, as it should be called and in ways in which it fails, and every fault of WeChat. */
async function everything(scene: MiniProgramScene): Promise<void> {
  const { sandbox, hub } = scene.running
  const { code, openid, session_key } = scene.code({ unionid: 'oUnion' })
  sessionKeys.push(session_key)
  codes.push(code)
  openids.push(openid)
  const errmsg = `bad ${session_key} ${shop.appSecret}`
  for (const kind of ['busy', 'reset', 'garbage', 'truncate', 'errcode'] as const) {
    sandbox.faults.add({
      kind,
      path: '/sns/jscode2session',
      times: 1,
      ...(kind === 'errcode' ? { errcode: 40029 } : {}),
    })
    await hear(scene.sendCode(code))
  }
  const answer = await scene.sendCode(code)
  const { session } = await readJson<LoggedIn>(answer)
  sessions.push(session)
  await hear(scene.sendCode(code))
  await scene.clock.advance(10_000)
  await hear(scene.sendCode(code))
  const watermark = { appid: shop.appID, timestamp: 1 }
  const bodies = [
    encrypted(session_key, { openId: openid }, watermark),
    encrypted(session_key, { openId: openid }, { ...watermark, appid: 'wx' }),
    { ...encrypted(session_key, {}, watermark), iv: 'AAAA' },
    signed(session_key, 'data'),
    { ...signed(session_key, 'data'), signature: '0' },
    { code: session_key },
    { code: scene.code().code },
    {},
  ]
  sandbox.faults.add({ kind: 'errcode', errcode: 99999, errmsg, path: '/wxa/checksession' })
  for (const { method, path } of hub.routes) {
    // Those last that end the session.
    if (method === 'DELETE') continue
    const target = path.replace(':account', 'shop').replace(':openid', openid)
    for (const body of method === 'GET' ? [undefined] : bodies) {
      const text = body === undefined ? {} : { body: JSON.stringify(body) }
      for (const asking of [{ key: session }, { headers: { 'x-session': session } }]) {
        const headers = { 'content-type': 'application/json', ...asking.headers }
        const heard = await hear(scene.running.request(target, { method, ...asking, headers, ...text }))
        for (const [found] of heard.matchAll(/whs_[\w-]{43}/g)) sessions.push(found)
      }
    }
  }
  sandbox.faults.clear()
  const user = `/v1/shop/users/${openid}`
  await hear(scene.running.request(`/nowhere/${session}?session=${session}&code=${code}`))
  await hear(scene.running.request(`${user}/sessions`, { method: 'DELETE' }))
  await hear(scene.asVisitor(session))
  await hear(scene.running.request(user, { method: 'DELETE' }))
  // One that stays in the store.
  const stays = await scene.logIn({ openid })
  sessions.push(stays.session)
  sessionKeys.push(stays.session_key)
}

async function hear(asked: Promise<Response>): Promise<string> {
  const answer = await asked
  const text = `${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`
  answers.push(text)
  return text
}

/** A session_key is base64: its bytes are as good as it is. */
function formsOfKey(session_key: string): string[] {
  const bytes = Buffer.from(session_key, 'base64')
  const raw = [bytes.toString('hex'), bytes.toString('base64url'), bytes.toString('latin1')]
  return [...formsOf(session_key), ...raw, bytes.toString('hex').toUpperCase()]
}

describe('a session_key (P9)', () => {
  it('was used in every flow', () => {
    expect(answers.length).toBeGreaterThan(500)
    expect(answers.some((text) => text.startsWith('200') && text.includes('"openId"'))).toBe(true)
    expect(answers.some((text) => text.startsWith('200') && text.includes('"valid":true'))).toBe(true)
    expect(sessions.length).toBeGreaterThan(5)
  })

  it('is in no answer, header, log line, metric or audit line, in any form', () => {
    for (const form of sessionKeys.flatMap(formsOfKey)) {
      expect([...answers, ...written].filter((text) => text.includes(form))).toEqual([])
    }
  })
})

describe('what is written for people', () => {
  it.each([
    ['no session', sessions],
    ['no login code', codes],
    ['no openid', openids],
    ['no AppSecret', [shop.appSecret]],
  ])('holds %s', (_what, values) => {
    expect(values.length).toBeGreaterThan(0)
    for (const form of values.flatMap(formsOf)) {
      expect(written.filter((text) => text.includes(form))).toEqual([])
    }
  })

  it('names the logins in the audit log', () => {
    expect(written.some((text) => text.includes('"action":"hand-out","what":"session","account":"shop"'))).toBe(true)
  })
})

describe('a stolen store, without the file of keys', () => {
  it('holds no session and no session_key, not even as bytes', async () => {
    const folder = join(dataDir, 'level')
    const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name))))
    const bytes = Buffer.concat(files)
    for (const openid of openids) expect(bytes.includes(openid)).toBe(true)
    for (const secret of [...sessions.flatMap(formsOf), ...sessionKeys.flatMap(formsOf)]) {
      expect(bytes.includes(secret)).toBe(false)
    }
    for (const session of sessions) expect(bytes.includes(Buffer.from(session.slice(4), 'base64url'))).toBe(false)
    for (const key of sessionKeys) expect(bytes.includes(Buffer.from(key, 'base64'))).toBe(false)
  })

  it('lets nobody in with what stands in it', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'wechat-hub-stolen-'))
    const scene = await MiniProgramScene.start({ dataDir })
    try {
      await cp(join(dataDir, 'level'), join(copy, 'level'), {
        recursive: true,
        filter: (name) => !name.endsWith('LOCK'),
      })
      const store = await openLevel(copy, { clock: scene.clock })
      const stored = await store.list({ prefix: '', limit: 1000 })
      await store.close()
      const hashes = stored.flatMap(({ key, value }) =>
        [...`${key} ${value}`.matchAll(/[\w-]{43}/g)].map(([text]) => text),
      )
      expect(hashes.length).toBeGreaterThan(4)
      for (const hash of hashes) {
        expect(await scene.statusOf(`whs_${hash}`)).toBe(401)
        expect(await scene.statusOf(hash)).toBe(401)
      }
    } finally {
      await scene.close()
      await rm(copy, { recursive: true, force: true })
    }
  })

  it('is apart from the keys, which only their owner can read', async () => {
    expect((await stat(join(dataDir, 'session-keys.json'))).mode & 0o777).toBe(0o600)
    expect(await readdir(join(dataDir, 'level'))).not.toContain('session-keys.json')
  })
})
