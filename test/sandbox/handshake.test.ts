import { describe, expect } from 'vitest'
import { silence } from './receiver.js'
import { encodingAESKey, Scene, sha1OfSorted, test, token } from './with-callback.js'
import { start } from './with-sandbox.js'

describe('a handshake', () => {
  test('is signed, and accepted when its echostr comes back', async ({ scene }) => {
    scene.callback.answer = ({ query, response }) => response.end(query['echostr'])
    expect(await scene.wx.post('/sandbox/handshake', {})).toEqual({ accepted: true, status: 200 })
    const { method, path, query, body } = await scene.callback.request(0)
    const { timestamp, nonce } = query
    expect({ method, path, body }).toEqual({ method: 'GET', path: '/wx', body: '' })
    expect(query).toEqual({
      signature: sha1OfSorted(token, timestamp, nonce),
      echostr: expect.stringMatching(/^\d{19}$/),
      timestamp: String(start / 1000),
      nonce: expect.stringMatching(/^\d{10}$/),
    })
  })

  test('is the same in safe mode, and new each time', async () => {
    const scene = await Scene.open({ encodingAESKey, mode: 'safe' })
    scene.callback.answer = ({ query, response }) => response.end(query['echostr'])
    const reports = [await scene.sandbox.handshake(), await scene.sandbox.handshake()]
    const [first, second] = scene.callback.received
    await scene.close()
    expect(reports).toEqual(Array(2).fill({ accepted: true, status: 200 }))
    expect(first?.query).not.toHaveProperty('msg_signature')
    expect(first?.query['echostr']).not.toBe(second?.query['echostr'])
    expect(first?.query['nonce']).not.toBe(second?.query['nonce'])
  })

  test('goes to the account and the URL that are named', async ({ scene }) => {
    scene.sandbox.accounts.add({ appID: 'wxother', appSecret: 'other', token: 'othertoken' })
    await scene.sandbox.handshake({ appid: 'wxother', url: `${scene.callback.url}/other` })
    const { path, query } = await scene.callback.request(0)
    expect(path).toBe('/wx/other')
    expect(query['signature']).toBe(sha1OfSorted('othertoken', query['timestamp'], query['nonce']))
  })

  test.for([
    ['a newline behind it', (echostr: string) => `${echostr}\n`],
    ['a byte order mark', (echostr: string) => `\uFEFF${echostr}`],
    ['quotes', (echostr: string) => `"${echostr}"`],
    ['rounded digits', (echostr: string) => String(Number(echostr) + 4096)],
    ['nothing', () => ''],
  ] as const)('is not accepted with %s', async ([, answer], { scene }) => {
    scene.callback.answer = ({ query, response }) => response.end(answer(String(query['echostr'])))
    const why = 'The answer is not the echostr, or not the echostr alone'
    expect(await scene.sandbox.handshake()).toEqual({ accepted: false, status: 200, why })
  })

  test('is not accepted with another status', async ({ scene }) => {
    scene.callback.answer = ({ query, response }) => response.writeHead(403).end(query['echostr'])
    const why = 'The answer has the status 403, not 200'
    expect(await scene.sandbox.handshake()).toEqual({ accepted: false, status: 403, why })
  })

  test('is not accepted without an answer in 5 s, and is not tried again', async ({ scene }) => {
    scene.callback.answer = silence
    const shaking = scene.sandbox.handshake()
    const { closed } = await scene.callback.request(0)
    await scene.clock.advance(4999)
    await scene.clock.advance(1)
    await closed
    expect(await shaking).toEqual({ accepted: false, why: 'No answer: no whole answer within 5 s' })
    expect(scene.callback.received).toHaveLength(1)
  })

  test('is not accepted where nobody listens', async ({ scene }) => {
    const url = scene.callback.url
    await scene.callback.close()
    expect(await scene.sandbox.handshake({ url })).toEqual({ accepted: false, why: 'No answer: ECONNREFUSED' })
  })

  test('ends with the sandbox', async ({ scene }) => {
    scene.callback.answer = silence
    const shaking = scene.sandbox.handshake()
    await scene.callback.request(0)
    await scene.sandbox.close()
    expect(await shaking).toEqual({ accepted: false, why: 'No answer: the sandbox was closed' })
  })

  test.for([{ token }, { retries: 1 }, { message: {} }, { appid: 7 }, []])(
    'does not take %j',
    async (order, { scene }) => {
      expect((await scene.wx.send('POST', '/sandbox/handshake', order)).status).toBe(400)
    },
  )
})
