import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CredentialUnavailable } from '../../src/wechat/errors.js'
import { secondsLeft } from '../../src/wechat/held.js'
import { Scene } from '../support/scene.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

describe('no dead token (P2)', () => {
  it.each([
    { left: 21, fetches: 1, told: 'gives out' },
    { left: 20.001, fetches: 1, told: 'gives out' },
    { left: 20, fetches: 2, told: 'replaces' },
    { left: 0, fetches: 2, told: 'replaces' },
  ])('$told a token with $left s to live by both clocks', async ({ left, fetches }) => {
    const wechat = scene.wechat({ refreshAhead: 0 })
    const first = await wechat.fetchAccessToken()
    scene.clock.freeze((7200 - left) * 1000)
    expect((await wechat.fetchAccessToken()) === first).toBe(fetches === 1)
    expect(scene.fetches).toBe(fetches)
  })

  it.each([
    { left: 21, fetches: 1, told: 'gives out' },
    { left: 20, fetches: 2, told: 'replaces' },
  ])('$told a token with $left s to live by the wall clock alone', async ({ left, fetches }) => {
    const wechat = scene.wechat({ refreshAhead: 0 })
    const first = await wechat.fetchAccessToken()
    scene.clock.jump((7200 - left) * 1000)
    expect((await wechat.fetchAccessToken()) === first).toBe(fetches === 1)
    expect(scene.fetches).toBe(fetches)
  })

  it.each([
    { left: 21, fetches: 1, told: 'gives out' },
    { left: 20, fetches: 2, told: 'replaces' },
  ])('$told a token with $left s to live by the monotonic clock alone', async ({ left, fetches }) => {
    const wechat = scene.wechat({ refreshAhead: 0 })
    const first = await wechat.fetchAccessToken()
    for (let second = left; second < 7200; second += 1) {
      await scene.pass(1)
      scene.clock.jump(-1000)
    }
    expect((await wechat.fetchAccessToken()) === first).toBe(fetches === 1)
    expect(scene.fetches).toBe(fetches)
  })

  it.each([
    { left: 21, fetches: 1 },
    { left: 20, fetches: 2 },
  ])('holds a stored token with $left s to live to the same margin', async ({ left, fetches }) => {
    await scene.wechat().fetchAccessToken()
    const stored = { access_token: 'stored-token', expires_time: scene.clock.now() + left * 1000 }
    const wechat = scene.wechat({ refreshAhead: 0, getAccessToken: () => Promise.resolve(stored) })
    expect((await wechat.fetchAccessToken()) === 'stored-token').toBe(fetches === 1)
    expect(wechat.isValidAccessToken(stored)).toBe(fetches === 1)
    expect(scene.fetches).toBe(fetches)
  })

  it('takes another margin from its options', async () => {
    const wechat = scene.wechat({ refreshAhead: 0, expiryMargin: 0 })
    const first = await wechat.fetchAccessToken()
    scene.clock.freeze(7_199_999)
    expect(await wechat.fetchAccessToken()).toBe(first)
    scene.clock.freeze(1)
    expect(await wechat.fetchAccessToken()).not.toBe(first)
  })

  it.each([
    { record: { access_token: 't', expires_time: 21_000 }, valid: true },
    { record: { access_token: 't', expires_time: 20_000 }, valid: false },
    { record: { access_token: 't', expires_in: 21_000 }, valid: true },
    { record: { access_token: 't', expires_in: 20_000 }, valid: false },
    { record: { access_token: 't', expires_in: 7200, expires_time: 21_000 }, valid: true },
    { record: { access_token: 't', expires_in: 7200, expires_time: 20_000 }, valid: false },
  ])('judges $record, moments counted from now, as valid: $valid', ({ record, valid }) => {
    const wechat = scene.wechat()
    const now = scene.clock.now()
    const { access_token, expires_in, expires_time } = record
    const shifted = {
      access_token,
      ...(expires_in === undefined ? {} : { expires_in: expires_in === 7200 ? 7200 : now + expires_in }),
      ...(expires_time === undefined ? {} : { expires_time: now + expires_time }),
    }
    expect(wechat.isValidAccessToken(shifted)).toBe(valid)
    expect(wechat.isValidAccessToken(JSON.stringify(shifted))).toBe(valid)
  })

  it('judges what is no record as not valid', () => {
    const wechat = scene.wechat()
    for (const broken of [undefined, null, '', '{', '[]', '{"access_token":"t"}']) {
      expect(wechat.isValidAccessToken(broken)).toBe(false)
    }
  })

  it('never gives out a rejected token again, though no other can be had', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    scene.steal()
    scene.sandbox.faults.add({ kind: 'status', path: '/cgi-bin/token' })
    expect((await scene.ended(wechat.rejectAccessToken(first))).error).toBeInstanceOf(CredentialUnavailable)
    for (let minute = 0; minute < 10; minute += 1) {
      const asked = await scene.ended(wechat.fetchAccessToken())
      expect(asked.value).toBeUndefined()
      expect(wechat.accessToken.state.secondsLeft).toBe(0)
      await scene.pass(60)
    }
    scene.sandbox.faults.clear()
    await scene.pass(65)
    expect(await wechat.fetchAccessToken()).not.toBe(first)
  })

  it('does not take a rejected token back from the store', async () => {
    const stored = new Map<string, unknown>()
    const options = {
      getAccessToken: () => Promise.resolve(stored.get('access_token')),
      saveAccessToken: () => Promise.resolve(),
    }
    const wechat = scene.wechat(options)
    const first = await wechat.fetchAccessToken()
    stored.set('access_token', {
      access_token: first,
      expires_in: 7200,
      expires_time: scene.clock.now() + 7_200_000,
      version: 9,
    })
    scene.steal()
    expect(await wechat.rejectAccessToken(first)).not.toBe(first)
  })

  it('gives the old token with its true seconds to its very end while a refresh fails, then an honest error', async () => {
    const wechat = scene.wechat({ refreshAhead: 0 })
    const first = await wechat.fetchAccessToken()
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 40164, path: '/cgi-bin/token' })
    await scene.pass(7180)
    for (let left = 20; left > 0; left -= 1) {
      const held = await wechat.accessToken.get()
      expect(held.value).toBe(first)
      expect(secondsLeft(held, scene.clock)).toBe(left)
      expect(scene.accepts(held.value)).toBe(true)
      await scene.pass(1)
    }
    expect(scene.accepts(first)).toBe(false)
    const { error } = await scene.ended(wechat.fetchAccessToken())
    expect(error).toBeInstanceOf(CredentialUnavailable)
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      kind: 'permanent',
      errcode: 40164,
      hint: expect.stringContaining('203.0.113.7'),
      retryAfter: 40,
    })
  })
})
