import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Config, loadConfig } from '../../src/config.js'
import { sandboxAccount } from '../../src/sandbox/sandbox.js'
import { sandboxed } from '../../src/sandboxed.js'
import { MovableClock } from '../support/movable-clock.js'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'
import { Receiver } from './receiver.js'
import { sha1OfSorted } from './with-callback.js'

/** What the sandbox without configuration answers to a POST, when the hub listens there. */
async function posted(server: Pick<Config['server'], 'host' | 'port'>, path: string, body: object) {
  const config = loadConfig({ cwd: folder, env: { WECHAT_HUB_DATA: folder } })
  const own = { ...config, server: { ...config.server, ...server }, sandbox: { port: 0 } }
  const { url, close } = await sandboxed(own, new MovableClock())
  const response = await fetch(new URL(path, url), { method: 'POST', body: JSON.stringify(body) })
  const answer: unknown = await response.json()
  await close()
  return answer
}

let folder = ''
let hub: Receiver

beforeEach(async () => {
  folder = temporaryFolder()
  hub = await Receiver.start()
})

afterEach(async () => {
  await hub.close()
  removeFolder(folder)
})

describe('the sandbox of a hub without configuration', () => {
  test.each(['::', '0.0.0.0', 'localhost', '127.0.0.1'])('finds the hub that listens on %s', async (host) => {
    const message = { MsgType: 'text', Content: 'hi' }
    expect(await posted({ host, port: hub.port }, 'sandbox/push', { message })).toMatchObject({ result: 'silent' })
    const { path, query, body } = await hub.request(0)
    expect(path).toBe('/wx')
    expect(body).toContain('<Content><![CDATA[hi]]></Content>')
    expect(query['signature']).toBe(sha1OfSorted(sandboxAccount.token, query['timestamp'], query['nonce']))
    expect(query).not.toHaveProperty('encrypt_type')
  })

  test.each(['::1', '127.0.0.9'])('looks for one that listens on %s there and nowhere else', async (host) => {
    const answer = await posted({ host, port: hub.port }, 'sandbox/handshake', {})
    expect(answer).toMatchObject({ accepted: false, why: expect.stringContaining('No answer: E') })
    expect(hub.received).toEqual([])
  })

  test.each([
    ['192.168.1.10', 3000],
    ['::', 0],
  ])('needs a URL when it listens on %s, port %i', async (host, port) => {
    const error = '"url": is needed, as the account has no "callbackUrl"'
    expect(await posted({ host, port }, 'sandbox/push', {})).toEqual({ error })
    const report = await posted({ host, port }, 'sandbox/push', { url: hub.url })
    expect(report).toMatchObject({ result: 'silent' })
  })
})
