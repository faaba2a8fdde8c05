import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Scene } from '../support/scene.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

describe('the thief is named (P11)', () => {
  it('tells how old the token was, how long it had to live, and who noticed', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    await scene.pass(1000)
    scene.steal()
    await wechat.rejectAccessToken(first, 'client crm')
    expect(scene.happened('died-early')).toEqual([
      { credential: 'access_token', type: 'died-early', noticedBy: 'client crm', age: 1000, secondsLeft: 6200 },
    ])
  })

  it('tells it of a call, by the path alone', async () => {
    const wechat = scene.wechat()
    await wechat.fetchAccessToken()
    scene.steal()
    await wechat.call('/cgi-bin/user/info?openid=someone#there')
    expect(scene.happened('died-early')).toMatchObject([{ noticedBy: 'a call of /cgi-bin/user/info' }])
  })

  it('tells it of a stored token whose age nobody knows', async () => {
    const record = { access_token: 'stored-token', expires_time: scene.clock.now() + 5_000_000 }
    const wechat = scene.wechat({ getAccessToken: () => Promise.resolve(record) })
    const first = await wechat.fetchAccessToken()
    await wechat.rejectAccessToken(first)
    expect(scene.happened('died-early')).toMatchObject([{ age: undefined, secondsLeft: 5000 }])
  })

  it('tells each theft once, however many report it', async () => {
    const wechat = scene.wechat()
    for (let theft = 1; theft <= 3; theft += 1) {
      const token = await wechat.fetchAccessToken()
      scene.steal()
      await Promise.all(Array.from({ length: 100 }, () => wechat.rejectAccessToken(token)))
      expect(scene.happened('died-early')).toHaveLength(theft)
      await scene.pass(60)
    }
  })

  it('notices a theft that leaves the old token its 300 s only once they are over', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    scene.steal({ atOnce: false })
    expect(await wechat.rejectAccessToken(first)).toBe(first)
    await scene.pass(300)
    expect(scene.accepts(await wechat.rejectAccessToken(first))).toBe(true)
    expect(scene.happened('died-early')).toMatchObject([{ age: 300, secondsLeft: 6900 }])
  })

  it('accuses nobody when a token ended in its own time', async () => {
    const wechat = scene.wechat({ refreshAhead: 0, expiryMargin: 0 })
    const first = await wechat.fetchAccessToken()
    scene.clock.freeze(7_200_000)
    expect(await wechat.rejectAccessToken(first)).not.toBe(first)
    expect(scene.happened('died-early')).toEqual([])
  })

  it('accuses nobody of our own update, nor of our own refreshes of a day', async () => {
    const wechat = scene.wechat()
    let before = await wechat.fetchAccessToken()
    for (let hour = 0; hour < 24; hour += 1) {
      await wechat.updateAccessToken()
      await scene.pass(3600)
      await wechat.rejectAccessToken(before)
      before = await wechat.fetchAccessToken()
      await wechat.rejectAccessToken(before)
    }
    expect(scene.happened('died-early')).toEqual([])
  })
})
