import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { handshakeSignature } from '../../src/wechat/signature.js'
import { blog, RunningHub, shop } from '../support/running-hub.js'
import vectors from '../vectors/handshake-signature.json' with { type: 'json' }

let running: RunningHub

beforeAll(async () => {
  running = await RunningHub.start()
})

afterAll(() => running.close())

const timestamp = '1714036504'
const nonce = '1514711492'
const echostr = '4375120948345356249'

function signed(token: string, changes: Record<string, string> = {}): string {
  const signature = handshakeSignature(token, timestamp, nonce)
  return String(new URLSearchParams({ signature, timestamp, nonce, echostr, ...changes }))
}

const call = (path: string) => running.request(path, { key: undefined })

describe('the handshake', () => {
  it.each(['/', '/wx', '/wx/shop', `/wx/${shop.appID}`])('answers echostr as text on %s', async (path) => {
    const response = await call(`${path}?${signed(shop.token)}`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(await response.text()).toBe(echostr)
  })

  it('takes any account’s Token where the path names no account, and only its own where it does', async () => {
    expect((await call(`/wx?${signed(blog.token)}`)).status).toBe(200)
    expect((await call(`/wx/blog?${signed(blog.token)}`)).status).toBe(200)
    expect((await call(`/wx/shop?${signed(blog.token)}`)).status).toBe(403)
    expect((await call(`/wx/nobody?${signed(blog.token)}`)).status).toBe(403)
  })

  const right = new URLSearchParams(signed(shop.token))
  const without = (name: string) => {
    const query = new URLSearchParams(right)
    query.delete(name)
    return String(query)
  }
  it.each([
    ['no query', ''],
    ['no signature', without('signature')],
    ['no timestamp', without('timestamp')],
    ['no nonce', without('nonce')],
    ['no echostr', without('echostr')],
    ['an empty signature', signed(shop.token, { signature: '' })],
    ['a signature in capitals', signed(shop.token, { signature: right.get('signature')?.toUpperCase() ?? '' })],
    ['a changed signature', signed(shop.token, { signature: `0${right.get('signature')?.slice(1)}` })],
    ['a short signature', signed(shop.token, { signature: 'f464' })],
    ['a changed timestamp', signed(shop.token, { timestamp: '1714036505' })],
    ['a changed nonce', signed(shop.token, { nonce: '1514711493' })],
    ['a signature with another token', signed('otherToken')],
    ['nonce twice', `${right}&nonce=${nonce}`],
    ['signature twice', `${right}&signature=${right.get('signature')}`],
    ['timestamp twice', `${right}&timestamp=${timestamp}`],
    ['echostr twice', `${right}&echostr=a`],
    ['nonce as a list', `${without('nonce')}&nonce[]=${nonce}`],
    ['nonce as an object', `${without('nonce')}&nonce[a]=${nonce}`],
    ['a nonce that is not ASCII', signed(shop.token, { nonce: '随机数' })],
    ['a signature that is not ASCII', signed(shop.token, { signature: '签名' })],
    ['an echostr that is not ASCII', signed(shop.token, { echostr: '<回声>' })],
    ['a NUL in the nonce', `${without('nonce')}&nonce=${nonce}%00`],
    ['a line break in echostr', `${without('echostr')}&echostr=a%0d%0ab`],
    ['half an escape', `${right}&nonce=%E0%A4%A`],
    ['10,000 characters of nonce', signed(shop.token, { nonce: '1'.repeat(10_000) })],
    ['__proto__ for a name', `${right}&__proto__[nonce]=1&nonce=1`],
  ])('refuses %s with 403 mismatch', async (_what, query) => {
    const response = await call(`/wx?${query}`)
    expect(response.status).toBe(403)
    expect(await response.text()).toBe('mismatch')
  })
})

describe.each(vectors.cases)('vector $id', ({ input, output, expect: verdict }) => {
  it(`is ${verdict} over HTTP`, async () => {
    const { token, timestamp, nonce, echostr = 'echo' } = input
    const { account } = { account: { ...shop, token: [token] } }
    const own = await RunningHub.start({ config: { accounts: { shop: { ...defaults, ...account } } } })
    try {
      const query = new URLSearchParams({ signature: output.signature, timestamp, nonce, echostr })
      const response = await own.request(`/wx?${query}`, { key: undefined })
      expect(response.status).toBe(verdict === 'valid' ? 200 : 403)
      expect(await response.text()).toBe(verdict === 'valid' ? echostr : 'mismatch')
    } finally {
      await own.close()
    }
  })
})

const defaults = {
  type: 'official',
  endpoint: 'token',
  encodingAESKey: [],
  mode: 'plain',
  dailyTokens: 2000,
  jsDomains: [],
  routes: [],
} as const
