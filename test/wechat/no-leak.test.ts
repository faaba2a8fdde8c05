import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FaultKind } from '../../src/sandbox/sandbox.js'
import type { WechatOptions } from '../../src/wechat/options.js'
import { memoryStorage, type Storage } from '../../src/wechat/storage.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { formsOf, leaksIn } from '../support/leaks.js'
import { account, Scene } from '../support/scene.js'
import { Upstream } from '../support/upstream.js'

let scene: Scene
const observed: unknown[] = []

beforeEach(async () => {
  scene = await Scene.start()
  observed.length = 0
})

afterEach(() => scene.close())

function program(options: Partial<WechatOptions> = {}): Wechat {
  return scene.wechat({ onCall: (observation) => observed.push(observation), ...options })
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  const { error, value } = await scene.ended(work)
  expect(value).toBeUndefined()
  expect(error).toBeInstanceOf(Error)
  return error
}

function expectNoLeak(values: readonly unknown[], secrets: readonly string[]): void {
  for (const value of [...values, ...scene.events, ...observed]) expect(leaksIn(value, secrets)).toEqual([])
}

const kinds: FaultKind[] = ['hang', 'reset', 'truncate', 'status', 'garbage', 'busy', 'ip', 'quota', 'huge']

describe('no leak (P6)', () => {
  it.each(kinds)('of the AppSecret or a token when WeChat fails (%s)', async (kind) => {
    const storage = memoryStorage()
    const token = await program({ storage }).updateAccessToken()
    const timeout = kind === 'hang' ? 100 : 5000
    const [cold, warm] = [program({ timeout }), program({ storage, timeout })]
    expect(await warm.fetchAccessToken()).toBe(token)
    scene.sandbox.faults.add({ kind })
    const failures = [
      await failureOf(cold.fetchAccessToken()),
      await failureOf(warm.updateAccessToken()),
      await failureOf(warm.call('/cgi-bin/user/info', { query: { openid: 'someone' } })),
      await failureOf(warm.call(`/cgi-bin/user/info?access_token=${token}`)),
      await failureOf(warm.call('/cgi-bin/message/custom/send', { json: { secret: account.appSecret } })),
    ]
    await warm.rejectAccessToken(token)
    expectNoLeak(failures, [account.appSecret, token])
  })

  it('when WeChat cannot be reached at all', async () => {
    const wechat = program()
    const token = await wechat.fetchAccessToken()
    await scene.sandbox.close()
    const failures = [await failureOf(wechat.updateAccessToken()), await failureOf(wechat.call('/cgi-bin/user/info'))]
    expectNoLeak(failures, [account.appSecret, token])
  })

  const nameless = new URL('https://api.weixin.qq.invalid/')

  it('when its name is not known', async () => {
    const wechat = scene.wechat({ apiDomain: nameless.href })
    expectNoLeak([await failureOf(wechat.updateAccessToken())], [account.appSecret])
  })

  it.each(['plain-secret-0123456789', 'p@ss/w+rd ~!\'()*=&%"\\#?;,', '密码-0123456789-秘密'])(
    'when WeChat echoes the secret %j, the token, the request and their forms in its errmsg',
    async (appSecret) => {
      const token = 'the-token_0123456789-abcdefghijklmnopqrstuvwxyz'
      let given = false
      const upstream = await Upstream.start(({ url, body }) => {
        if (given) {
          const echo = [...[appSecret, token].flatMap(formsOf), url.href, url.search, body].join(' | ')
          return { errcode: 40013, errmsg: echo }
        }
        given = true
        return { access_token: token, expires_in: 7200 }
      })
      const wechat = scene.wechat({ apiDomain: upstream.apiDomain, appSecret, onCall: (call) => observed.push(call) })
      await wechat.fetchAccessToken()
      const failures = [
        await failureOf(wechat.updateAccessToken()),
        await failureOf(wechat.call('/a', { query: { secret: appSecret } })),
        await failureOf(wechat.call('/a', { json: { secret: appSecret } })),
      ]
      for (const failure of failures) expect(String(failure)).toContain('[secret]')
      expectNoLeak(failures, [appSecret, token])
      await upstream.close()
    },
  )

  it.each(kinds)('of a ticket when WeChat fails (%s), or echoes it', async (kind) => {
    const storage = memoryStorage()
    const ticket = await program({ storage }).fetchTicket('jsapi')
    const warm = program({ storage, timeout: kind === 'hang' ? 100 : 5000 })
    expect(await warm.fetchTicket('jsapi')).toBe(ticket)
    const token = await warm.fetchAccessToken()
    scene.sandbox.faults.add({ kind, times: 2 })
    const failures = [await failureOf(warm.ticket('jsapi').update()), await failureOf(warm.ticket('wx_card').update())]
    const errmsg = formsOf(ticket).join(' | ')
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 40013, errmsg })
    failures.push(await failureOf(warm.call('/cgi-bin/user/info')))
    await warm.ticket('jsapi').reject(ticket, 'a page')
    expect(String(failures.at(-1))).toContain('[secret]')
    expectNoLeak([...failures, warm, warm.ticket('jsapi').state], [account.appSecret, token, ticket])
  })

  it('cuts WeChat\u2019s words to 300 characters, without control characters and without half a secret', async () => {
    const errmsg = `a\nb\0c ${'x'.repeat(280)} ${account.appSecret}`
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 40013, errmsg, path: '/cgi-bin/token' })
    const failure = await failureOf(program().updateAccessToken())
    expect(failure).toMatchObject({ errmsg: expect.stringMatching(/^a b c x+ \[secret/) })
    expect(failure).toMatchObject({ errmsg: expect.not.stringMatching(/\p{Cc}|.{301}/u) })
    expect(String(failure)).not.toContain(account.appSecret.slice(0, 8))
  })

  it('when the record, the store or the budget is at fault', async () => {
    const token = 'stored-token-0123456789'
    const storage: Storage = {
      ...memoryStorage(),
      read: () => Promise.resolve(`{"access_token":"${token}", broken`),
      save: () => Promise.reject(new Error('disk full')),
    }
    const wechat = scene.wechat({ storage, dailyTokens: 1 })
    const fetched = await wechat.fetchAccessToken()
    const failures = [await failureOf(wechat.updateAccessToken())]
    expect(scene.happened('set-aside').length).toBeGreaterThan(0)
    expectNoLeak(failures, [account.appSecret, token, fetched])
  })

  it('when a token dies early, and no other can be had', async () => {
    const wechat = program()
    const token = await wechat.fetchAccessToken()
    scene.steal()
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 40013, errmsg: token, path: '/cgi-bin/token' })
    const failures = [await failureOf(wechat.rejectAccessToken(token, 'client crm'))]
    expect(scene.happened('died-early')).toHaveLength(1)
    expectNoLeak(failures, [account.appSecret, token])
  })

  it('when the path of a call is refused', async () => {
    const wechat = program()
    const token = await wechat.fetchAccessToken()
    const failures = [
      await failureOf(wechat.call('//evil.example/')),
      await failureOf(wechat.call('https://evil.example/')),
    ]
    expectNoLeak(failures, [account.appSecret, token])
  })

  it('in what a program shows of itself', async () => {
    const wechat = program()
    const token = await wechat.fetchAccessToken()
    expectNoLeak([wechat, wechat.accessToken.state], [account.appSecret, token])
  })
})
