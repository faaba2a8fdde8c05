import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Fault } from '../../src/sandbox/sandbox.js'
import { errcodes } from '../../src/wechat/errcodes.js'
import { CredentialUnavailable } from '../../src/wechat/errors.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { type Asked, Scene } from '../support/scene.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

const path = '/cgi-bin/token'
const known = Object.entries(errcodes).map(([errcode, { kind }]) => ({ errcode: Number(errcode), kind }))
/** On a token fetch, a token that is refused and a call that is wrong are matters for the operator, too. */
const hopeless = known.filter(({ kind }) => ['permanent', 'token', 'request'].includes(kind))

/** Ten minutes with five callers each 10 s. */
async function tenMinutes(wechat: Wechat): Promise<Asked<string>[]> {
  const asked: Asked<string>[] = []
  for (let time = 0; time < 60; time += 1) {
    for (let caller = 0; caller < 5; caller += 1) asked.push(scene.watch(wechat.fetchAccessToken()))
    await scene.pass(10)
  }
  return asked
}

describe('failures told apart', () => {
  it('knows every class of errcode', () => {
    expect(new Set(known.map(({ kind }) => kind))).toEqual(
      new Set(['transient', 'quota', 'permanent', 'token', 'request']),
    )
  })

  it.each(hopeless)(
    'tries once a minute after errcode $errcode, and tells every caller at once',
    async ({ errcode }) => {
      scene.sandbox.faults.add({ kind: 'errcode', errcode, path })
      const wechat = scene.wechat()
      const asked = await tenMinutes(wechat)
      // After the first failure nobody waits at all.
      expect(new Set(asked.map(({ took }) => took))).toEqual(new Set([0]))
      for (const { error } of asked) {
        expect(error).toBeInstanceOf(CredentialUnavailable)
        expect(error).toMatchObject({ kind: 'permanent', errcode })
        const remedy = errcodes[errcode === 40001 ? 40125 : errcode]?.remedy ?? ''
        expect(error).toMatchObject({ hint: remedy === '' ? undefined : expect.stringContaining(remedy) })
      }
      expect(scene.fetches).toBe(11)
      scene.sandbox.faults.clear()
      await scene.pass(60)
      expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
    },
  )

  it('treats an errcode that nobody knows in the same way', async () => {
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 12345, errmsg: 'something new', path })
    const asked = await tenMinutes(scene.wechat())
    expect(asked[0]?.error).toMatchObject({ kind: 'permanent', errcode: 12345 })
    expect(scene.fetches).toBe(11)
  })

  it('shows the address that WeChat saw when it is not on the whitelist', async () => {
    scene.sandbox.faults.add({ kind: 'ip', path })
    await expect(scene.wechat().fetchAccessToken()).rejects.toMatchObject({
      hint: expect.stringContaining('The address is 203.0.113.7.'),
    })
    scene.sandbox.faults.clear()
    scene.sandbox.faults.add({
      kind: 'errcode',
      errcode: 40164,
      errmsg: 'invalid ip 2001:db8::7, not in whitelist',
      path,
    })
    await expect(scene.wechat().fetchAccessToken()).rejects.toMatchObject({
      hint: expect.stringContaining('The address is 2001:db8::7.'),
    })
  })

  it.each([
    { wrong: 'appSecret', options: { appSecret: 'f'.repeat(32) }, errcode: 40125, hint: 'AppSecret' },
    { wrong: 'appID', options: { appID: 'wxffffffffffffffff' }, errcode: 40013, hint: 'appID' },
  ])('tells an operator about a wrong $wrong', async ({ options, errcode, hint }) => {
    await expect(scene.wechat(options).fetchAccessToken()).rejects.toMatchObject({
      kind: 'permanent',
      errcode,
      hint: expect.stringContaining(hint),
    })
  })

  it('takes 40001 of a token fetch for a wrong secret', async () => {
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 40001, path })
    await expect(scene.wechat().fetchAccessToken()).rejects.toMatchObject({
      kind: 'permanent',
      hint: expect.stringContaining('AppSecret'),
    })
  })

  it.each<Fault>([
    { kind: 'busy', path },
    { kind: 'status', path },
    { kind: 'status', status: 599, path },
    { kind: 'garbage', path },
    { kind: 'reset', path },
    { kind: 'truncate', path },
    { kind: 'huge', path },
  ])('backs off after $kind $status and waits for it a little', async (fault) => {
    scene.sandbox.faults.add(fault)
    const { error, took } = await scene.ended(scene.wechat().fetchAccessToken())
    expect(error).toMatchObject({ kind: 'transient', retryAfter: 6 })
    expect(took).toBe(4500)
    expect(scene.fetches).toBe(3)
  })

  it.each([
    { errcode: 45009, fetches: 4, pause: 'an hour' },
    { errcode: 45011, fetches: 181, pause: 'a minute' },
  ])('waits $pause after errcode $errcode', async ({ errcode, fetches }) => {
    scene.sandbox.faults.add({ kind: 'errcode', errcode, path })
    const wechat = scene.wechat()
    for (let second = 0; second < 3 * 3600; second += 30) {
      const { error, took } = await scene.ended(wechat.fetchAccessToken())
      expect(error).toMatchObject({ kind: 'quota', errcode })
      expect(took).toBe(0)
      await scene.pass(30)
    }
    expect(scene.fetches).toBe(fetches)
  })

  it('gives the old token while a quota is used up', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    scene.sandbox.faults.add({ kind: 'quota', path })
    await scene.pass(7199)
    expect(await wechat.fetchAccessToken()).toBe(first)
    expect(scene.fetches).toBe(2)
  })

  it('begins its pauses anew after a success', async () => {
    const wechat = scene.wechat()
    scene.sandbox.faults.add({ kind: 'busy', path, times: 6 })
    await scene.ended(wechat.fetchAccessToken())
    await scene.pass(200)
    expect(wechat.accessToken.state.failure).toBeUndefined()
    scene.sandbox.faults.add({ kind: 'busy', path })
    await expect(wechat.updateAccessToken()).rejects.toMatchObject({ errcode: -1 })
    expect(scene.happened('refresh-failed').at(-1)).toMatchObject({ retryAfter: 2, servingOld: true })
  })
})
