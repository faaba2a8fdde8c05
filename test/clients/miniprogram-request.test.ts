import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MiniProgramScene } from './miniprogram-scene.js'

let scene: MiniProgramScene

beforeEach(async () => {
  scene = await MiniProgramScene.start()
})

afterEach(async () => {
  await scene.close()
  expect(scene.wx.sent.filter(({ url }) => url.includes('whs_'))).toEqual([])
  expect(scene.wx.printed).toEqual([])
})

/** What got to the back end's path. */
function orders() {
  return scene.wx.to('POST', '/orders')
}

function order() {
  return scene.hub.request({ url: `${scene.backEnd}/orders`, method: 'POST', data: { id: 7 } })
}

describe('a request', () => {
  it("to the developer's back end has the session as X-Session, and the back end learns who it is", async () => {
    const { statusCode, data, header } = await order()
    expect([statusCode, data]).toEqual([200, expect.objectContaining({ openid: 'oMini' })])
    expect(header).toBeTypeOf('object')
    expect(orders()).toMatchObject([{ header: { 'X-Session': await scene.hub.session() } }])
    expect(orders()[0]?.header).not.toHaveProperty('Authorization')
  })

  it('to the hub has the session as a bearer', async () => {
    const { data } = await scene.hub.request({ url: `${scene.running.url}/v1/shop/sessions/current` })
    expect(data).toEqual({ valid: true, expires_in: 1800 })
    const header = { Authorization: `Bearer ${await scene.hub.session()}` }
    expect(scene.wx.to('GET', '/current')).toMatchObject([{ header }])
    expect(scene.wx.to('GET', '/current')[0]?.header).not.toHaveProperty('X-Session')
  })

  it('keeps headers of its own, save one that would be the session', async () => {
    const header = { 'x-session': 'mine', Authorization: 'Basic abc', 'X-Other': 'other' }
    await scene.hub.request({ url: `${scene.backEnd}/orders`, method: 'POST', header })
    expect(orders()[0]?.header).toEqual({
      Authorization: 'Basic abc',
      'X-Other': 'other',
      'X-Session': await scene.hub.session(),
    })
    expect(header['x-session']).toBe('mine')
  })

  it('to a stranger, or to what may be one, is not sent', async () => {
    const origin = scene.backEnd
    const strangers = [
      'https://stranger.example/',
      `${origin}@stranger.example/`,
      `${origin}.stranger.example/`,
      `${origin}\\@stranger.example/`,
      `${origin}\t.stranger.example/`,
      `http://user@${origin.slice(7)}/`,
      `https://${origin.slice(7)}/`,
      `${origin}0/`,
      `${scene.running.url}0/`,
      `${scene.running.url}@stranger.example/`,
      ` ${origin}/`,
      '//stranger.example/',
      '/orders',
      '',
    ]
    for (const url of strangers) {
      await expect(scene.hub.request({ url }), url).rejects.toMatchObject({
        hint: expect.stringContaining('wx.request'),
      })
    }
    expect(scene.wx.sent).toEqual([])
  })

  it('knows origins in every spelling', async () => {
    const backEnds = ['HTTPS://API.example.com:443/some/path', 'http://[::1]:80']
    const hub = scene.client(scene.wx, { backEnds })
    scene.wx.requestFault = { to: 'x=', errMsg: 'request:fail' }
    for (const url of ['https://api.example.com?x=1', 'https://API.EXAMPLE.COM:443/?x=1', 'http://[::1]/a?x=1']) {
      await expect(hub.request({ url })).rejects.toMatchObject({ message: 'request:fail' })
      expect(scene.wx.sent.at(-1)).toMatchObject({ url, header: { 'X-Session': await hub.session() } })
    }
  })

  it('resolves whatever the status is', async () => {
    scene.backEndAnswer = { status: 500, body: { sorry: true } }
    expect(await order()).toMatchObject({ statusCode: 500, data: { sorry: true } })
  })

  it('rejects when there is no answer', async () => {
    await scene.hub.session()
    scene.wx.requestFault = { to: '/orders', errMsg: 'request:fail timeout' }
    await expect(order()).rejects.toMatchObject({ message: 'request:fail timeout', errcode: -1 })
  })
})

describe('a 401', () => {
  it('of the hub brings one login, and the request once more', async () => {
    const ended = await scene.hub.session()
    await scene.end(ended)
    const url = `${scene.running.url}/v1/shop/sessions/current`
    expect(await scene.hub.request({ url })).toMatchObject({ statusCode: 200 })
    expect(scene.wx.logins).toBe(2)
    expect(scene.wx.to('GET', '/current')).toHaveLength(2)
    expect(await scene.hub.session()).not.toBe(ended)
  })

  it('of a back end does too, when the session has ended', async () => {
    const ended = await scene.hub.session()
    await scene.end(ended)
    expect(await order()).toMatchObject({ statusCode: 200, data: { openid: 'oMini' } })
    expect(orders().map(({ header }) => header['X-Session'])).toEqual([ended, await scene.hub.session()])
    expect(scene.wx.logins).toBe(2)
  })

  it('brings one login for all that were sent with the same session', async () => {
    await scene.end(await scene.hub.session())
    const answers = await Promise.all([order(), order(), order()])
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200])
    expect(scene.wx.logins).toBe(2)
  })

  it('that comes after a login of others brings none', async () => {
    await scene.end(await scene.hub.session())
    scene.wx.slow = true
    const late = order()
    await scene.wx.settled()
    scene.wx.slow = false
    await scene.hub.login()
    scene.wx.answer()
    expect(await late).toMatchObject({ statusCode: 200 })
    expect(scene.wx.logins).toBe(2)
    // It is plain which session was meant: the hub is not asked.
    expect(scene.wx.to('GET', '/current')).toEqual([])
  })

  it('that is not due to the session is given back, without a login', async () => {
    const session = await scene.hub.session()
    scene.backEndAnswer = { status: 401, body: 'not for you' }
    expect(await order()).toMatchObject({ statusCode: 401, data: 'not for you' })
    scene.wx.requestFault = { to: '/current', errMsg: 'request:fail' }
    expect(await order()).toMatchObject({ statusCode: 401 })
    expect(orders()).toHaveLength(2)
    expect(scene.wx.logins).toBe(1)
    expect(await scene.hub.session()).toBe(session)
  })

  it('that comes after a logout is given back, and logs nobody in', async () => {
    await scene.end(await scene.hub.session())
    scene.wx.slow = true
    const late = order()
    await scene.wx.settled()
    scene.wx.slow = false
    await scene.hub.logout()
    scene.wx.answer()
    expect(await late).toMatchObject({ statusCode: 401 })
    expect(scene.wx.logins).toBe(1)
  })

  it('that comes a second time is given back', async () => {
    await scene.end(await scene.hub.session())
    scene.backEndAnswer = { status: 401, body: 'never' }
    expect(await order()).toMatchObject({ statusCode: 401, data: 'never' })
    expect(orders()).toHaveLength(2)
    expect(scene.wx.logins).toBe(2)
  })

  it('is an error where the login fails', async () => {
    await scene.end(await scene.hub.session())
    scene.wx.loginFault = 'login:fail'
    await expect(order()).rejects.toMatchObject({ message: 'login:fail' })
  })
})
