import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { AppProcess } from '../support/app-process.js'
import { hubKey, readJson, shop } from '../support/running-hub.js'
import { newSeed, seeded } from '../support/seeded.js'
import { until } from '../support/until.js'
import { encrypted, type LoggedIn } from './mini-program-scene.js'

const seed = newSeed()
const kills = 4
const senders = 5

/** A session that the hub has acknowledged, and whose it is. */
interface Acknowledged {
  readonly session: string
  readonly openid: string
  readonly session_key: string
}

let app: AppProcess
let sandbox: Sandbox
let url: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  sandbox = new Sandbox({ accounts: [shop] })
  app = await AppProcess.inEmptyFolder()
  env = {
    WECHAT_ACCOUNT_TYPE: 'miniprogram',
    WECHAT_APPID: shop.appID,
    WECHAT_APPSECRET: shop.appSecret,
    WECHAT_TOKEN: shop.token,
    WECHAT_API_DOMAIN: await sandbox.listen(),
    WECHAT_HUB_KEY: hubKey,
  }
})

afterAll(async () => {
  await app.remove()
  await sandbox.close()
})

function ask(path: string, headers: Record<string, string>, body?: unknown): Promise<Response> {
  const json = { 'content-type': 'application/json', ...headers }
  const request = body === undefined ? { headers } : { method: 'POST', headers: json, body: JSON.stringify(body) }
  return fetch(`${url}/v1/default/${path}`, request)
}

/** Logs in, and renews now and then, until the hub is gone. What is acknowledged is added to `all`. */
async function logInUntilTheEnd(random: () => number, all: Acknowledged[]): Promise<void> {
  for (;;) {
    const { code, session } = sandbox.codes.create(shop.appID, random() < 0.3 ? { openid: 'oOften' } : {})
    try {
      let given = await readJson<LoggedIn>(await ask('sessions', {}, { code }))
      if (random() < 0.3) {
        given = await readJson(await ask('sessions/current/renew', { authorization: `Bearer ${given.session}` }, {}))
      }
      all.push({ session: given.session, ...session })
    } catch {
      return
    }
  }
}

describe('a hub that is killed while users log in', () => {
  it(`has every session that it acknowledged (P4, seed ${seed})`, async () => {
    const random = seeded(seed)
    const all: Acknowledged[] = []
    for (let kill = 0; kill < kills; kill += 1) {
      url = await app.listening(env)
      const before = all.length
      const working = Array.from({ length: senders }, () => logInUntilTheEnd(random, all))
      const enough = before + 5 + Math.floor(random() * 60)
      await until(() => all.length >= enough)
      app.signal('SIGKILL')
      await app.ended()
      await Promise.all(working)
    }
    url = await app.listening(env)
    // Of one user twenty at most are in force.
    const often = all.filter(({ openid }) => openid === 'oOften').slice(-10)
    const kept = [...all.filter(({ openid }) => openid !== 'oOften'), ...often]
    expect(kept.length).toBeGreaterThan(kills * 5)
    for (const { session, openid, session_key } of kept) {
      const headers = { authorization: `Bearer ${hubKey}`, 'x-session': session }
      expect(await readJson(await ask('sessions/current', headers))).toMatchObject({ openid, appid: shop.appID })
      const body = encrypted(session_key, {}, { appid: shop.appID, timestamp: 1 })
      expect((await ask('sessions/current/decrypt', headers, body)).status).toBe(200)
    }
  }, 120_000)
})
