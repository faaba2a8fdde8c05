import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Child } from '../support/child.js'
import type { HubCommands, HubSettings } from '../support/child-hub.js'
import { ask, begin } from '../support/gateway-scene.js'
import { hubKey, shop } from '../support/running-hub.js'
import { StandIn } from '../support/stand-in.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

const MB = 1_000_000
const downloads = 50
const length = 50 * MB
const piece = Buffer.alloc(MB, 'x')

let wechat: StandIn
let folder: string
let hub: Child<HubCommands>
let url: string

beforeEach(async () => {
  wechat = await StandIn.start()
  folder = temporaryFolder()
  const env = {
    ...{ WECHAT_APPID: shop.appID, WECHAT_APPSECRET: shop.appSecret, WECHAT_TOKEN: shop.token },
    ...{ WECHAT_API_DOMAIN: wechat.apiDomain, WECHAT_HUB_DATA: join(folder, 'data'), WECHAT_HUB_KEY: hubKey },
  }
  const settings: HubSettings = { folder, env, wall: Date.UTC(2026, 0, 1) }
  hub = await Child.start<HubCommands>('child-hub', settings)
  url = `http://127.0.0.1:${await hub.ask('port')}/cgi-bin/media/get`
})

afterEach(async () => {
  await Child.killAll()
  await wechat.close()
  removeFolder(folder)
})

/** Of the hub's process, in bytes. */
async function residentSize(): Promise<number> {
  const status = await readFile(`/proc/${hub.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** Reads at most so many bytes in 10 ms, and so more slowly than WeChat could send. */
async function readSlowly(response: IncomingMessage, perTick: number): Promise<number> {
  let bytes = 0
  let inTick = 0
  for await (const chunk of response) {
    bytes += chunk.length
    inTick += chunk.length
    if (inTick < perTick) continue
    inTick = 0
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return bytes
}

it('fifty slow downloads of 50 MB at once add less than 64 MB to the memory of the hub', async () => {
  let behind = 0
  wechat.answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': String(length) })
    let sent = 0
    const send = () => {
      while (sent < length) {
        sent += piece.length
        if (!response.write(piece)) {
          behind += 1
          return
        }
      }
      response.end()
    }
    response.on('drain', send)
    send()
  }
  // What the first calls need once, however many follow.
  for (let warm = 0; warm < 3; warm += 1) await ask(url)
  const before = await residentSize()
  behind = 0
  let most = 0
  let reading = true
  const watching = (async () => {
    while (reading) {
      most = Math.max(most, await residentSize())
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  const responses = await Promise.all(Array.from({ length: downloads }, () => begin(url)))
  const read = await Promise.all(responses.map((response) => readSlowly(response, 500_000)))
  reading = false
  await watching
  expect(read).toEqual(Array.from({ length: downloads }, () => length))
  // WeChat had to wait for the readers again and again.
  expect(behind).toBeGreaterThan(downloads * 10)
  expect((most - before) / MB).toBeLessThan(64)
})
