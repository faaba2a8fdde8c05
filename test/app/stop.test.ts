import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { AppProcess } from '../support/app-process.js'
import { hubKey, shop } from '../support/running-hub.js'
import { until } from '../support/until.js'

let app: AppProcess
let sandbox: Sandbox
let env: NodeJS.ProcessEnv

beforeEach(async () => {
  app = await AppProcess.inEmptyFolder()
  sandbox = new Sandbox({ accounts: [{ appID: shop.appID, appSecret: shop.appSecret }] })
  env = {
    WECHAT_APPID: shop.appID,
    WECHAT_APPSECRET: shop.appSecret,
    WECHAT_TOKEN: shop.token,
    WECHAT_API_DOMAIN: await sandbox.listen(),
    WECHAT_HUB_KEY: hubKey,
  }
})

afterEach(async () => {
  await app.remove()
  await sandbox.close()
})

describe.each(['SIGTERM', 'SIGINT'] as const)('on %s', (signal) => {
  it('finishes what is in flight, takes nothing new, and exits 0', async () => {
    const url = await app.listening(env)
    sandbox.faults.add({ kind: 'slow', ms: 1000 })
    const arrived = nextRequest(sandbox)
    const inFlight = fetch(`${url}/v1/default/access-token`, { headers: { authorization: `Bearer ${hubKey}` } })
    await arrived
    app.signal(signal)
    const response = await inFlight
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ from: 'wechat' })
    expect(await app.ended()).toBe(0)
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
    expect(app.log.at(-1)).toMatchObject({ msg: 'request', status: 200 })
  })
})

it('answers those who wait for a WeChat that hangs, and exits 0', async () => {
  const url = await app.listening(env)
  sandbox.faults.add({ kind: 'hang' })
  const arrived = nextRequest(sandbox)
  const inFlight = fetch(`${url}/v1/default/access-token`, { headers: { authorization: `Bearer ${hubKey}` } })
  await arrived
  app.signal('SIGTERM')
  expect((await inFlight).status).toBe(503)
  expect(await app.ended()).toBe(0)
})

it('cuts off a client that does not finish, and still exits 0', async () => {
  const { hostname, port } = new URL(await app.listening(env))
  const socket = connect(Number(port), hostname)
  const cut = new Promise((resolve) => socket.once('close', resolve))
  const head = `POST /v1/default/access-token/rejected HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${hubKey}\r\n`
  socket.write(`${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`)
  // The answer to a second client shows that the first one's bytes have arrived.
  await fetch(`http://${hostname}:${port}/healthz`)
  app.signal('SIGTERM')
  expect(await app.ended()).toBe(0)
  await cut
})

/** Resolves when the sandbox gets its next request for a token. */
async function nextRequest({ requests }: Sandbox): Promise<void> {
  await until(() => requests.count('/cgi-bin/token') > 0)
}
