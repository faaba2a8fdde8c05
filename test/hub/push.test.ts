import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { handshakeSignature } from '../../src/wechat/signature.js'
import { RunningHub, shop } from '../support/running-hub.js'

let running: RunningHub

beforeAll(async () => {
  running = await RunningHub.start()
})

afterAll(() => running.close())

const body = '<xml><ToUserName>gh_1</ToUserName><MsgType>text</MsgType><Content>hi</Content></xml>'

function push(path: string, token: string) {
  const [timestamp, nonce] = ['1714036504', '1514711492']
  const query = new URLSearchParams({ signature: handshakeSignature(token, timestamp, nonce), timestamp, nonce })
  return running.request(`${path}?${query}`, { method: 'POST', body, key: undefined })
}

describe('a push', () => {
  it.each(['/wx', '/wx/shop'])(
    'that is signed is acknowledged on %s, so that WeChat does not repeat it',
    async (path) => {
      const response = await push(path, shop.token)
      expect([response.status, await response.text()]).toEqual([200, 'success'])
    },
  )

  it.each(['/wx', '/wx/shop', '/wx/blog', '/wx/nobody'])('that is not is refused on %s', async (path) => {
    const response = await push(path, path === '/wx/blog' ? shop.token : 'otherToken')
    expect([response.status, await response.text()]).toEqual([403, 'mismatch'])
  })
})
