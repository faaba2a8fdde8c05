import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AccessTokenRecord, WechatOptions } from '../../src/wechat/options.js'
import { memoryStorage, type Storage } from '../../src/wechat/storage.js'
import { Scene } from '../support/scene.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

function storing(raw: unknown): Pick<WechatOptions, 'getAccessToken'> {
  return { getAccessToken: () => Promise.resolve(raw) }
}

const token = 'a-stored-token'

describe('a stored record', () => {
  const now = Date.UTC(2026, 0, 1)
  const shapes = [
    { shape: 'ours', record: { access_token: token, expires_in: 7200, expires_time: now + 3_600_000, version: 3 } },
    { shape: 'that of the article with expires_time', record: { access_token: token, expires_time: now + 3_600_000 } },
    {
      shape: 'that of the article with a moment in expires_in',
      record: { access_token: token, expires_in: now + 3_600_000 },
    },
  ]

  it.each(shapes)('is used as JSON text, as a Buffer and as an object when its shape is $shape', async ({ record }) => {
    for (const raw of [JSON.stringify(record), Buffer.from(JSON.stringify(record)), record]) {
      const wechat = scene.wechat(storing(raw))
      const held = await wechat.accessToken.get()
      expect(held).toMatchObject({ value: token, expiresAt: now + 3_600_000, from: 'store' })
      expect(wechat.accessToken.state.secondsLeft).toBe(3600)
    }
    expect(scene.fetches).toBe(0)
  })

  it.each(shapes)('is followed by a new one when it ends and its shape is $shape', async ({ record }) => {
    const wechat = scene.wechat(storing(record))
    await wechat.fetchAccessToken()
    await scene.pass(3600 - 290)
    expect(scene.fetches).toBe(1)
    expect(await wechat.fetchAccessToken()).not.toBe(token)
  })

  it('is written with the token, its life, its end, a version that rises and the time of its issue', async () => {
    const saved: AccessTokenRecord[] = []
    const wechat = scene.wechat({
      ...storing({ access_token: token, expires_time: now - 1, version: 41 }),
      saveAccessToken: (record) => Promise.resolve(saved.push(record)),
    })
    const first = await wechat.fetchAccessToken()
    const second = await wechat.updateAccessToken()
    const life = { expires_in: 7200, expires_time: now + 7_200_000, issued_from: now, issued_to: now + 1000 }
    expect(saved).toEqual([
      { access_token: first, ...life, version: 42 },
      { access_token: second, ...life, version: 43 },
    ])
  })

  it('is read back by a restart without an upstream call', async () => {
    const storage = memoryStorage()
    const first = await scene.wechat({ storage }).fetchAccessToken()
    await scene.pass(1000)
    const again = scene.wechat({ storage })
    expect(await again.fetchAccessToken()).toBe(first)
    expect(again.accessToken.state.secondsLeft).toBe(6200)
    expect(scene.fetches).toBe(1)
  })

  const end = now + 3_600_000
  const broken: [string, unknown][] = [
    ['no JSON', `{"access_token":"${token}"`],
    ['cut off', JSON.stringify({ access_token: token, expires_time: end }).slice(0, -3)],
    ['only white space', '  '],
    ['null', 'null'],
    ['an array', [{ access_token: token, expires_time: end }]],
    ['a number', 7],
    ['without a token', { expires_time: end }],
    ['with an empty token', { access_token: '', expires_time: end }],
    ['with a number for a token', { access_token: 7, expires_time: end }],
    ['with a line break in the token', { access_token: 'a\nb', expires_time: end }],
    ['with a token that is not ASCII', { access_token: 'tökén', expires_time: end }],
    ['with a token longer than any', { access_token: 'x'.repeat(513), expires_time: end }],
    ['without an end', { access_token: token }],
    ['with a duration only', { access_token: token, expires_in: 7200 }],
    ['with an end in seconds', { access_token: token, expires_time: end / 1000 }],
    ['with an end that is text', { access_token: token, expires_time: String(end) }],
    ['with a life too long', { access_token: token, expires_time: now + 7_260_001 }],
    ['with a version below 0', { access_token: token, expires_time: end, version: -1 }],
    ['with a broken version', { access_token: token, expires_time: end, version: 1.5 }],
    ['with a version that is text', { access_token: token, expires_time: end, version: '7' }],
    ['with a version that cannot rise', { access_token: token, expires_time: end, version: Number.MAX_SAFE_INTEGER }],
  ]

  it.each(broken)('that is %s is set aside, told of without its content, and replaced', async (_what, raw) => {
    const aside: string[] = []
    const storage: Storage = {
      ...memoryStorage(),
      read: (name) => Promise.resolve(name === 'access_token' && aside.length === 0 ? raw : undefined),
      setAside: (name) => {
        aside.push(name)
        return Promise.resolve('over-there')
      },
    }
    const wechat = scene.wechat({ storage })
    expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
    expect(aside).toEqual(['access_token'])
    expect(scene.happened('set-aside')).toEqual([
      { credential: 'access_token', type: 'set-aside', reason: expect.any(String), where: 'over-there' },
    ])
    expect(JSON.stringify(scene.events)).not.toContain(token)
  })

  it('that lives as long as a token can, give or take a minute of clock, is used', async () => {
    const record = { access_token: token, expires_time: now + 7_260_000 }
    expect(await scene.wechat(storing(record)).fetchAccessToken()).toBe(token)
  })

  it.each([undefined, null, ''])('that is not there (%j) is no failure', async (raw) => {
    expect(scene.accepts(await scene.wechat(storing(raw)).fetchAccessToken())).toBe(true)
    expect(scene.events.map(({ type }) => type)).toEqual(['refreshed'])
  })

  it('whose file is not there yet is no failure', async () => {
    const missing = () => Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
    expect(scene.accepts(await scene.wechat({ getAccessToken: missing }).fetchAccessToken())).toBe(true)
    expect(scene.events.map(({ type }) => type)).toEqual(['refreshed'])
  })

  it('never stops the token and is never served broken, whatever it is', async () => {
    const shaped = fc.record(
      {
        access_token: fc.jsonValue(),
        expires_in: fc.oneof(fc.integer({ max: 100_000_000_000 }), fc.jsonValue({ maxDepth: 0 })),
        expires_time: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
        version: fc.jsonValue({ maxDepth: 0 }),
      },
      { requiredKeys: [] },
    )
    const value = fc.oneof(fc.jsonValue(), fc.string(), fc.uint8Array(), shaped)
    const raw = fc.oneof(
      value,
      value.map((each) => JSON.stringify(each)),
      value.map((each) => Buffer.from(JSON.stringify(each))),
    )
    await fc.assert(
      fc.asyncProperty(raw, async (record) => {
        const wechat = scene.wechat(storing(record))
        expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
