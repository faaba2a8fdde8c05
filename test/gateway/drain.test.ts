import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Child } from '../support/child.js'
import type { HubCommands, HubSettings } from '../support/child-hub.js'
import { ask, begin } from '../support/gateway-scene.js'
import { hubKey, shop } from '../support/running-hub.js'
import { json, readAll, StandIn } from '../support/stand-in.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'

const file = randomBytes(5_000_000)
const whole = { bytes: file.length, sha256: createHash('sha256').update(file).digest('hex') }

let wechat: StandIn
let folder: string
let hub: Child<HubCommands>
let url: (path: string) => string

beforeEach(async () => {
  wechat = await StandIn.start()
  folder = temporaryFolder()
  const env = {
    ...{ WECHAT_APPID: shop.appID, WECHAT_APPSECRET: shop.appSecret, WECHAT_TOKEN: shop.token },
    ...{ WECHAT_API_DOMAIN: wechat.apiDomain, WECHAT_HUB_DATA: join(folder, 'data'), WECHAT_HUB_KEY: hubKey },
  }
  const settings: HubSettings = { folder, env, wall: Date.UTC(2026, 0, 1) }
  hub = await Child.start<HubCommands>('child-hub', settings)
  const port = await hub.ask('port')
  url = (path) => `http://127.0.0.1:${port}${path}`
})

afterEach(async () => {
  await Child.killAll()
  await wechat.close()
  removeFolder(folder)
})

it('a hub that ends lets calls in flight finish, and leaves nothing open', async () => {
  const go: (() => void)[] = []
  wechat.answer = async (request, response) => {
    if (request.url?.startsWith('/cgi-bin/media/get')) {
      response.setHeader('content-type', 'image/jpeg').write(file.subarray(0, 1_000_000))
      go.push(() => response.end(file.subarray(1_000_000)))
    } else {
      go.push(async () => json(response, await readAll(request)))
    }
  }
  async function* halting() {
    yield file.subarray(0, 1_000_000)
    await until(() => closing !== undefined)
    yield file.subarray(1_000_000)
  }
  let closing: Promise<string[]> | undefined
  const got = ask(url('/cgi-bin/user/info'))
  const posted = ask(url('/cgi-bin/message/custom/send'), { body: Buffer.from('{}') })
  const uploaded = ask(url('/cgi-bin/media/upload'), { body: halting() })
  const download = await begin(url('/cgi-bin/media/get'))
  await until(() => go.length === 4)
  closing = hub.ask('close')
  await until(() =>
    ask(url('/healthz')).then(
      () => false,
      () => true,
    ),
  )
  for (const each of go) each()
  expect((await got).json).toMatchObject({ bytes: 0 })
  expect((await posted).json).toMatchObject({ bytes: 2 })
  expect((await uploaded).json).toEqual(whole)
  expect(await readAll(download)).toEqual(whole)
  expect(await closing).toEqual([])
  await until(() => wechat.sockets.size === 0)
})

it('a hub that ends cuts calls that WeChat never answers, and leaves nothing open', async () => {
  wechat.answer = (request) => request.resume()
  const bodies = [undefined, Buffer.from('{}'), file]
  const asked = bodies.map((body) =>
    ask(url('/cgi-bin/user/info'), body === undefined ? {} : { body }).catch(() => 'cut'),
  )
  await until(() => wechat.calls.length === 3)
  expect(await hub.ask('close')).toEqual([])
  expect(await Promise.all(asked)).toEqual(['cut', 'cut', 'cut'])
  await until(() => wechat.sockets.size === 0)
})
