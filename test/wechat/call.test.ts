import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ErrcodeError } from '../../src/wechat/errors.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { Scene } from '../support/scene.js'
import { Upstream } from '../support/upstream.js'

let scene: Scene
let wechat: Wechat

beforeEach(async () => {
  scene = await Scene.start()
  wechat = scene.wechat()
})

afterEach(() => scene.close())

const userInfo = '/cgi-bin/user/info'

describe('a call of the API', () => {
  it('answers what WeChat answers', async () => {
    expect(await wechat.call(userInfo, { query: { openid: 'someone' } })).toMatchObject({
      openid: 'someone',
      subscribe: 1,
    })
  })

  it.each([40001, 40014, 42001])('recovers once by itself when WeChat says %i of a dead token', async (errcode) => {
    const first = await wechat.fetchAccessToken()
    scene.steal()
    scene.sandbox.faults.add({ kind: 'errcode', errcode, path: userInfo, times: 1 })
    expect(await wechat.call(userInfo, { query: { openid: 'someone' } })).toMatchObject({ openid: 'someone' })
    expect(scene.fetches).toBe(2)
    expect(scene.sandbox.requests.count(userInfo)).toBe(2)
    expect(await wechat.fetchAccessToken()).not.toBe(first)
  })

  it('recovers for 300 callers with one refresh', async () => {
    wechat = scene.wechat({ timeout: 60_000 })
    await wechat.fetchAccessToken()
    scene.steal()
    const calls = Array.from({ length: 300 }, () => wechat.call(userInfo, { query: { openid: 'someone' } }))
    for (const answer of await Promise.all(calls)) expect(answer).toMatchObject({ openid: 'someone' })
    expect(scene.fetches).toBe(2)
    expect(scene.probes).toBe(1)
    expect(scene.happened('died-early')).toHaveLength(1)
  })

  it('waits for the next probe when it sees a dead token soon after the last one', async () => {
    const first = await wechat.fetchAccessToken()
    await wechat.rejectAccessToken(first)
    scene.steal()
    const { value, took } = await scene.ended(wechat.call(userInfo, { query: { openid: 'someone' } }))
    expect(value).toMatchObject({ openid: 'someone' })
    expect(took).toBe(5000)
    expect(scene.probes).toBe(2)
  })

  it('makes the call no third time when the new token is refused as well', async () => {
    await wechat.fetchAccessToken()
    scene.steal()
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 40001, path: userInfo })
    await expect(wechat.call(userInfo)).rejects.toMatchObject({ errcode: 40001, kind: 'token' })
    expect(scene.sandbox.requests.count(userInfo)).toBe(2)
    expect(scene.fetches).toBe(2)
  })

  it('causes no storm when the API always refuses a token that lives', async () => {
    const token = await wechat.fetchAccessToken()
    scene.sandbox.faults.add({ kind: 'errcode', errcode: 40001, path: userInfo })
    for (let second = 0; second < 120; second += 1) {
      for (let caller = 0; caller < 10; caller += 1) scene.watch(wechat.call(userInfo))
      await scene.pass(1)
    }
    const { error } = await scene.ended(wechat.call(userInfo))
    expect(error).toMatchObject({ errcode: 40001 })
    expect(await wechat.fetchAccessToken()).toBe(token)
    expect(scene.fetches).toBe(1)
    expect(scene.probes).toBeLessThanOrEqual(27)
    // None was made a second time with the token that it had been refused with.
    expect(scene.sandbox.requests.count(userInfo)).toBe(1201)
  })

  it.each([40003, 45009, 48001, 45011, 61500])('passes errcode %i of the API on, and asks no more', async (errcode) => {
    scene.sandbox.faults.add({ kind: 'errcode', errcode, errmsg: 'words', path: userInfo })
    const failure = await wechat.call(userInfo).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ErrcodeError)
    expect(failure).toMatchObject({ errcode, errmsg: expect.stringContaining('words') })
    expect(scene.sandbox.requests.count(userInfo)).toBe(1)
    expect([scene.fetches, scene.probes]).toEqual([1, 0])
  })

  it.each([
    { kind: 'status', code: 'UPSTREAM_GARBAGE' },
    { kind: 'garbage', code: 'UPSTREAM_GARBAGE' },
    { kind: 'huge', code: 'UPSTREAM_GARBAGE' },
    { kind: 'reset', code: 'UPSTREAM_UNREACHABLE' },
    { kind: 'truncate', code: 'UPSTREAM_UNREACHABLE' },
  ] as const)('is not made twice when it ends in $kind, since it may have had its effect', async ({ kind, code }) => {
    scene.sandbox.faults.add({ kind, path: userInfo })
    await expect(wechat.call(userInfo)).rejects.toMatchObject({ code, kind: 'transient' })
    expect(scene.sandbox.requests.count(userInfo)).toBe(1)
  })

  it('ends when WeChat does not answer in time', async () => {
    scene.sandbox.faults.add({ kind: 'hang', path: userInfo })
    await expect(wechat.call(userInfo, { timeout: 50 })).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
  })

  it('posts JSON', async () => {
    await wechat.call('/cgi-bin/message/custom/send', {
      json: { touser: 'o1', msgtype: 'text', text: { content: '你好' } },
    })
    const bytes = new TextEncoder().encode(JSON.stringify({ touser: 'o1', msgtype: 'text' }))
    expect(await wechat.call('/cgi-bin/message/custom/send', { body: bytes })).toMatchObject({ errcode: 0 })
  })

  it('tells how it went, by the path alone', async () => {
    const seen: unknown[] = []
    const observed = scene.wechat({ onCall: (observation) => seen.push(observation) })
    await observed.call(`${userInfo}?openid=someone`)
    await observed.call('/cgi-bin/no/such/path').catch(() => undefined)
    expect(seen).toEqual([
      { path: '/cgi-bin/token', outcome: 'ok', errcode: 0, ms: expect.any(Number) },
      { path: userInfo, outcome: 'ok', errcode: 0, ms: expect.any(Number) },
      { path: '/cgi-bin/no/such/path', outcome: 'ERRCODE', errcode: 40066, ms: expect.any(Number) },
    ])
  })
})

describe('what a call sends', () => {
  let upstream: Upstream
  let bound: Wechat

  beforeEach(async () => {
    upstream = await Upstream.start(({ url }) =>
      url.pathname === '/cgi-bin/token' ? { access_token: 'the-token', expires_in: 7200 } : { errcode: 0 },
    )
    bound = scene.wechat({ apiDomain: upstream.apiDomain })
  })

  afterEach(() => upstream.close())

  it('has the query of the path, the query of the call, and the token', async () => {
    await bound.call('/a/b?x=1&y=a%26b', { query: { z: '你 好&=', n: 7, absent: undefined } })
    const { method, url } = upstream.seen[1] ?? expect.fail()
    expect(method).toBe('GET')
    expect(url.pathname).toBe('/a/b')
    expect([...url.searchParams]).toEqual([
      ['x', '1'],
      ['y', 'a&b'],
      ['z', '你 好&='],
      ['n', '7'],
      ['access_token', 'the-token'],
    ])
  })

  it('has no access_token of the caller', async () => {
    await bound.call('/a?access_token=theirs&access_token=more', { query: { access_token: 'another' } })
    expect(upstream.seen[1]?.url.searchParams.getAll('access_token')).toEqual(['the-token'])
  })

  it('has the body: JSON, text or bytes, and the method that is asked for', async () => {
    await bound.call('/a', { json: { text: '你好', list: [1] } })
    await bound.call('/a', { body: 'plain', headers: { 'content-type': 'text/plain' } })
    await bound.call('/a', { body: new Uint8Array([65, 66]) })
    await bound.call('/a', { method: 'POST' })
    expect(upstream.seen.slice(1).map(({ method, body }) => [method, body])).toEqual([
      ['POST', '{"text":"你好","list":[1]}'],
      ['POST', 'plain'],
      ['POST', 'AB'],
      ['POST', ''],
    ])
    expect(upstream.seen[1]?.headers['content-type']).toBe('application/json')
    expect(upstream.seen[2]?.headers['content-type']).toBe('text/plain')
  })

  it.each([
    '//evil.example/a',
    'https://evil.example/',
    'cgi-bin/token',
    '',
    '/\\evil.example/a',
    '\\\\evil.example',
    'file:///etc/passwd',
  ])('goes to no other origin: the path %j is refused', async (path) => {
    await bound.fetchAccessToken()
    await expect(bound.call(path)).rejects.toThrow(TypeError)
    await expect(bound.call(path)).rejects.toThrow('"path" must be a path of WeChat')
    expect(upstream.seen).toHaveLength(1)
  })
})
