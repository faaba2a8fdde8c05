import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { handshakeSignature } from '../../src/wechat/signature.js'
import { RunningHub, shop } from '../support/running-hub.js'

let running: RunningHub

beforeAll(async () => {
  running = await RunningHub.start()
})

afterAll(() => running.close())

const parties = '<ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName><CreateTime>1714036504</CreateTime>'
const body = `<xml>${parties}<MsgType>text</MsgType><Content>hi</Content></xml>`

function push(path: string, token: string) {
  const [timestamp, nonce] = ['1714036504', '1514711492']
  const query = new URLSearchParams({ signature: handshakeSignature(token, timestamp, nonce), timestamp, nonce })
  return running.request(`${path}?${query}`, { method: 'POST', body, key: undefined })
}

describe('a push', () => {
  it('that is refused is in the log, but a thousand of them do not fill it', async () => {
    for (let tries = 0; tries < 30; tries += 1) await push('/wx/shop', 'otherToken')
    const lines = running.logLines.filter((line) => line.includes('push-refused'))
    expect(lines).toHaveLength(10)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ account: 'shop', reason: 'signature', level: 'warn' })
    const page = await (await running.request('/metrics')).text()
    expect(page).toContain('wechat_hub_pushes_refused_total{reason="signature"} 30')
  })

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
