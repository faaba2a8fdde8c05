import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { ErrcodeError, UpstreamError } from '../../src/wechat/errors.js'
import { Wechat } from '../../src/wechat/wechat.js'
import { leaksIn } from '../support/leaks.js'
import { shop } from '../support/running-hub.js'
import { Upstream } from '../support/upstream.js'

let sandbox: Sandbox
let wechat: Wechat

beforeEach(async () => {
  sandbox = new Sandbox({ accounts: [shop] })
  wechat = new Wechat({ ...shop, apiDomain: await sandbox.listen() })
})

afterEach(async () => {
  await wechat.close()
  await sandbox.close()
})

describe('login', () => {
  it('gives whom the code stands for', async () => {
    const { code, session } = sandbox.codes.create(shop.appID, { unionid: 'oUnion' })
    expect(await wechat.login(code)).toEqual(session)
    const { code: alone, session: without } = sandbox.codes.create(shop.appID)
    expect(await wechat.login(alone)).toEqual(without)
    expect(without).not.toHaveProperty('unionid')
  })

  it('needs no access_token', async () => {
    await wechat.login(sandbox.codes.create(shop.appID).code)
    expect(sandbox.requests.count('/cgi-bin/token')).toBe(0)
  })

  it('sends the code as WeChat wants it, whatever it holds', async () => {
    const upstream = await Upstream.start(() => ({ openid: 'oOne', session_key: 'key' }))
    const other = new Wechat({ ...shop, apiDomain: upstream.apiDomain })
    await other.login('a&secret=b #%')
    const [seen] = upstream.seen
    expect(seen?.url.pathname).toBe('/sns/jscode2session')
    expect(Object.fromEntries(seen?.url.searchParams ?? [])).toEqual({
      appid: shop.appID,
      secret: shop.appSecret,
      js_code: 'a&secret=b #%',
      grant_type: 'authorization_code',
    })
    await other.close()
    await upstream.close()
  })

  it('refuses with WeChat’s errcode', async () => {
    const { code } = sandbox.codes.create(shop.appID)
    await wechat.login(code)
    await expect(wechat.login(code)).rejects.toMatchObject({ errcode: 40163, kind: 'request' })
    await expect(wechat.login('x')).rejects.toBeInstanceOf(ErrcodeError)
  })

  it.each([
    [{}],
    [{ openid: 'oOne' }],
    [{ session_key: 'key' }],
    [{ openid: '', session_key: 'key' }],
    [{ openid: 7, session_key: 'key' }],
  ])('takes %j for no answer of WeChat’s', async (answer) => {
    const upstream = await Upstream.start(() => answer)
    const other = new Wechat({ ...shop, apiDomain: upstream.apiDomain })
    await expect(other.login('x')).rejects.toBeInstanceOf(UpstreamError)
    await other.close()
    await upstream.close()
  })

  it('fails without a word of the secret (P6)', async () => {
    for (const kind of ['reset', 'garbage', 'truncate', 'errcode', 'busy'] as const) {
      sandbox.faults.add({ kind, times: 1, ...(kind === 'errcode' ? { errcode: 1, errmsg: shop.appSecret } : {}) })
      const error: unknown = await wechat.login('x').catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Error)
      expect(leaksIn(error, [shop.appSecret])).toEqual([])
    }
  })
})

describe('checkSessionKey', () => {
  it('tells whether the session_key is still the user’s', async () => {
    const { session } = sandbox.codes.create(shop.appID, { openid: 'oOne' })
    expect(await wechat.checkSessionKey('oOne', session.session_key)).toBe(true)
    const { session: next } = sandbox.codes.create(shop.appID, { openid: 'oOne' })
    expect(await wechat.checkSessionKey('oOne', session.session_key)).toBe(false)
    expect(await wechat.checkSessionKey('oOne', next.session_key)).toBe(true)
    expect(await wechat.checkSessionKey('oNobody', next.session_key)).toBe(false)
  })

  it('takes no other refusal for an answer', async () => {
    sandbox.faults.add({ kind: 'errcode', errcode: 40097, path: '/wxa/checksession', times: 1 })
    await expect(wechat.checkSessionKey('oOne', 'key')).rejects.toMatchObject({ errcode: 40097 })
  })
})
