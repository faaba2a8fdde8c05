import { connect } from 'node:net'
import { describe, expect } from 'vitest'
import { blog, shop } from '../support/running-hub.js'
import { until } from '../support/until.js'
import { jsonRoute, type Scene, signedText, test } from './with-hub.js'

/** An answer without what no two answers have in common. */
interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

const own = new Set(['date', 'x-request-id', 'connection', 'keep-alive'])

async function post(scene: Scene, path: string, body: string): Promise<Answer> {
  const response = await fetch(`${scene.running.url}${path}`, { method: 'POST', body })
  const kept = [...response.headers].filter(([name]) => !own.has(name))
  return { status: response.status, body: await response.text(), headers: Object.fromEntries(kept) }
}

const refused = (reason: string) => `wechat_hub_pushes_refused_total{reason="${reason}"}`
const start = (scene: Scene) => scene.start([])
const safe = (scene: Scene) => scene.start([], { shop: { mode: 'safe' } })

type Attempt = (scene: Scene) => Promise<Answer>

const attempts: readonly (readonly [string, string, (scene: Scene) => Promise<unknown>, Attempt])[] = [
  ['is not signed', 'signature', start, (scene) => post(scene, '/wx', signedText(scene).body)],
  [
    'is signed with another Token',
    'signature',
    start,
    (scene) => {
      const { query, body } = signedText(scene)
      query.set('signature', 'a'.repeat(40))
      return post(scene, `/wx/shop?${query}`, body)
    },
  ],
  [
    'is for another account',
    'signature',
    start,
    (scene) => post(scene, `/wx/blog?${signedText(scene).query}`, signedText(scene).body),
  ],
  [
    'is for an account that is not there',
    'signature',
    start,
    (scene) => post(scene, `/wx/nobody?${signedText(scene).query}`, signedText(scene).body),
  ],
  [
    'has two signatures',
    'signature',
    start,
    (scene) => {
      const { query, body } = signedText(scene)
      return post(scene, `/wx?${query}&signature=${query.get('signature')}`, body)
    },
  ],
  [
    'is no message',
    'malformed',
    start,
    (scene) => post(scene, `/wx?${signedText(scene).query}`, '<xml><MsgType>text</MsgType></xml>'),
  ],
  ['is empty', 'malformed', start, (scene) => post(scene, `/wx?${signedText(scene).query}`, '')],
  [
    'has an entity of its own',
    'malformed',
    start,
    (scene) => {
      const { query, body } = signedText(scene)
      return post(scene, `/wx?${query}`, `<!DOCTYPE xml [<!ENTITY a "b">]>${body}`)
    },
  ],
  [
    'is in clear, and the account in safe mode',
    'not-encrypted',
    safe,
    (scene) => post(scene, `/wx?${signedText(scene).query}`, signedText(scene).body),
  ],
  [
    'is in clear, and says that it is enciphered',
    'not-encrypted',
    safe,
    (scene) => {
      const { query, body } = signedText(scene)
      return post(scene, `/wx?${query}&encrypt_type=aes&msg_signature=${query.get('signature')}`, body)
    },
  ],
  [
    'is enciphered, and the account in plain mode',
    'malformed',
    start,
    async (scene) => {
      const encodingAESKey = 'Z'.repeat(43)
      const push = scene.sandbox.preparePush({ appid: shop.appID, mode: 'safe', encodingAESKey })
      const { deliveries } = await push.deliver()
      const { body, headers } = await post(scene, `/wx?${signedText(scene).query}`, '<xml><Encrypt>a</Encrypt></xml>')
      expect(deliveries[0]).toMatchObject({ status: 403, body: 'mismatch' })
      return { status: 403, body, headers }
    },
  ],
  [
    'is enciphered with another key',
    'undecipherable',
    safe,
    async (scene) => {
      const { deliveries } = await scene.sandbox.preparePush({ encodingAESKey: 'Z'.repeat(43) }).deliver()
      expect(deliveries[0]).toMatchObject({ status: 403, body: 'mismatch' })
      return post(scene, '/wx', '')
    },
  ],
  [
    'is longer than 256 KiB',
    'too-long',
    start,
    (scene) =>
      post(scene, `/wx?${signedText(scene).query}`, signedText(scene, { content: 'x'.repeat(256 * 1024) }).body),
  ],
]

/** What a socket was sent back until its end. */
function sentBack(scene: Scene, write: (socket: ReturnType<typeof connect>) => void): Promise<string> {
  const { hostname, port } = new URL(scene.running.url)
  const socket = connect(Number(port), hostname)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  // The hub hangs up while there is still something to send.
  socket.on('error', () => undefined)
  socket.once('connect', () => write(socket))
  return new Promise((resolve) => socket.once('close', () => resolve(text)))
}

describe('a push that', () => {
  test.for(attempts)('%s is refused like every other one', async ([, reason, open, attempt], { scene }) => {
    await open(scene)
    const usual = await post(scene, '/wx', 'hi')
    const before = await scene.metric(refused(reason))
    const answer = await attempt(scene)
    expect(answer).toEqual(usual)
    expect(answer).toMatchObject({ status: 403, body: 'mismatch' })
    expect(await scene.metric(refused(reason))).toBeGreaterThan(before)
    expect(scene.logged('push-refused').at(-1)).toMatchObject({ level: 'warn' })
    expect(scene.logged('push-refused').some((line) => line['reason'] === reason)).toBe(true)
  })

  test('has exactly 256 KiB is read', async ({ scene }) => {
    await scene.start([])
    const { query, body } = signedText(scene)
    const { body: whole } = signedText(scene, { content: `hi${'x'.repeat(256 * 1024 - Buffer.byteLength(body))}` })
    expect(Buffer.byteLength(whole)).toBe(256 * 1024)
    expect(await post(scene, `/wx?${query}`, whole)).toMatchObject({ status: 200, body: 'success' })
  })

  test('is too long, or has no end, is refused, and its connection closed', async ({ scene }) => {
    await scene.start([])
    const { query } = signedText(scene)
    const head = `POST /wx?${query} HTTP/1.1\r\nHost: hub\r\n`
    const long = sentBack(scene, (socket) => socket.write(`${head}Content-Length: ${300 * 1024}\r\n\r\n`))
    const endless = sentBack(scene, (socket) => {
      socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`)
      const more = () => {
        while (!socket.destroyed && socket.write(`1000\r\n${'x'.repeat(4096)}\r\n`));
      }
      socket.on('drain', more)
      more()
    })
    for (const text of await Promise.all([long, endless])) {
      expect(text).toMatch(/^HTTP\/1\.1 403 /)
      expect(text).toMatch(/\r\nconnection: close\r\n/i)
      expect(text).toMatch(/mismatch$/)
    }
    expect(await scene.metric(refused('too-long'))).toBe(2)
  })

  test('breaks off is counted, and nobody is asked', async ({ scene }) => {
    const bot = await scene.backEnd()
    await scene.start([
      { match: {}, to: bot.url, observe: false, late: 'drop', timeout: 60, format: 'json', secret: 'x'.repeat(16) },
    ])
    const { query, body } = signedText(scene)
    await sentBack(scene, (socket) => {
      socket.write(
        `POST /wx?${query} HTTP/1.1\r\nHost: hub\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`,
      )
      void until(() => scene.running.pushArrived(1).then(() => true)).then(() => socket.destroy())
    })
    await until(async () => (await scene.metric(refused('broken-off'))) === 1)
    expect(bot.asked).toEqual([])
  })

  test('is signed with the Token of two accounts is refused, where the path names none', async ({ scene }) => {
    const bot = await scene.backEnd()
    const { sandbox, url } = await scene.start([jsonRoute(bot.url)], { shop: { token: [blog.token] } })
    const toAll = await sandbox.preparePush({ url: `${url}/wx` }).deliver()
    expect(toAll.deliveries).toMatchObject([{ status: 403, body: 'mismatch' }])
    expect(await scene.metric(refused('ambiguous'))).toBe(1)
    expect(bot.asked).toEqual([])
    expect(await sandbox.push()).toMatchObject({ result: 'silent' })
    expect(bot.asked).toHaveLength(1)
  })

  test('is for whoever signed it, where the path names no account', async ({ scene }) => {
    const { sandbox, url } = await scene.start([])
    for (const { appID } of [shop, blog]) {
      expect(await sandbox.push({ appid: appID, url: `${url}/wx` })).toMatchObject({ result: 'silent' })
    }
    expect(await scene.metric('wechat_hub_pushes_total{account="shop",type="text",outcome="success"}')).toBe(1)
    expect(await scene.metric('wechat_hub_pushes_total{account="blog",type="text",outcome="success"}')).toBe(1)
  })
})
