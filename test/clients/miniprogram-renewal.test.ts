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

function renewals(): number {
  return scene.wx.to('POST', '/renew').length
}

async function started(): Promise<string> {
  scene.hub.start()
  await scene.wx.settled()
  return scene.hub.session()
}

const renewalFails = { to: '/renew', errMsg: 'request:fail timeout' }

describe('a started client', () => {
  it('logs in, once', async () => {
    scene.hub.start()
    scene.hub.start()
    await scene.wx.settled()
    expect([scene.wx.logins, scene.wx.listeners, scene.errors]).toEqual([1, 2, []])
  })

  it('renews every 20 minutes, for a whole day, with one login', async () => {
    const session = await started()
    await scene.pass(19.9)
    expect(renewals()).toBe(0)
    await scene.pass(0.2)
    expect(renewals()).toBe(1)
    expect(await scene.hub.session()).not.toBe(session)
    await scene.pass(24 * 60 - 20)
    expect(renewals()).toBe(72)
    expect([scene.wx.logins, scene.errors]).toEqual([1, []])
    expect(await scene.isLiving(await scene.hub.session())).toBe(true)
  })

  it('renews when it is launched again, if that is due', async () => {
    const session = await scene.hub.session()
    await scene.pass(5)
    const again = scene.launched(scene.wx.storage)
    const hub = scene.client(again)
    hub.start()
    hub.start()
    await again.settled()
    expect([again.keyChecks, again.sent.length]).toEqual([1, 0])
    await scene.clock.advance(15 * 60_000, () => again.settled())
    expect([again.logins, again.to('POST', '/renew').length]).toEqual([0, 1])
    expect(await hub.session()).not.toBe(session)
    hub.stop()
  })

  it('logs in when it is launched again and WeChat no longer takes the session_key', async () => {
    const session = await scene.hub.session()
    const again = scene.launched(scene.wx.storage)
    again.keyIsGood = false
    const hub = scene.client(again)
    hub.start()
    await again.settled()
    expect(again.logins).toBe(1)
    expect(await hub.session()).not.toBe(session)
    hub.stop()
  })

  it('renews nothing beside the login of its start, though the launch is shown', async () => {
    await scene.hub.session()
    await scene.pass(25)
    const again = scene.launched(scene.wx.storage)
    again.keyIsGood = false
    again.slow = true
    const hub = scene.client(again)
    hub.start()
    again.show()
    await scene.clock.advance(1000, () => again.settled())
    again.answer()
    await again.settled()
    expect([again.logins, again.to('POST', '/renew').length]).toEqual([1, 0])
    hub.stop()
  })

  it('tries again every 30 s where there is no network, and tells why', async () => {
    scene.wx.loginFault = 'login:fail no network'
    scene.hub.start()
    await scene.pass(1.1)
    expect(scene.wx.logins).toBe(3)
    expect(scene.errors).toMatchObject([{ message: 'login:fail no network' }, { errcode: -1 }, { errcode: -1 }])
    scene.wx.loginFault = undefined
    await scene.pass(0.5)
    expect([scene.wx.logins, scene.errors.length]).toEqual([4, 3])
    await scene.pass(20)
    expect(renewals()).toBe(1)
  })
})

describe('in the background', () => {
  it('nothing is renewed, and what is due is done when the user is back', async () => {
    const session = await started()
    await scene.pass(10)
    scene.wx.hide()
    await scene.pass(15)
    expect(renewals()).toBe(0)
    scene.wx.show()
    await scene.pass(0.1)
    expect([renewals(), scene.wx.logins]).toEqual([1, 1])
    expect(await scene.hub.session()).not.toBe(session)
    await scene.pass(20)
    expect(renewals()).toBe(2)
  })

  it('a short stay changes nothing', async () => {
    await started()
    await scene.pass(10)
    scene.wx.hide()
    scene.wx.hide()
    await scene.pass(5)
    scene.wx.show()
    scene.wx.show()
    await scene.pass(4.9)
    expect(renewals()).toBe(0)
    await scene.pass(0.2)
    expect(renewals()).toBe(1)
  })

  it('a long one ends the session, and a login follows', async () => {
    await started()
    scene.wx.hide()
    await scene.pass(120)
    scene.wx.show()
    await scene.pass(0.1)
    expect([renewals(), scene.wx.logins]).toEqual([0, 2])
  })

  it('an answer that comes there starts no timer', async () => {
    await started()
    scene.wx.slow = true
    await scene.pass(20)
    scene.wx.hide()
    scene.wx.answer()
    await scene.pass(60)
    expect(renewals()).toBe(1)
  })
})

describe('a renewal', () => {
  it('is one, however many ask', async () => {
    await scene.hub.session()
    const [one, other] = await Promise.all([scene.hub.renew(), scene.hub.renew()])
    expect(one).toEqual({ session: expect.stringMatching(/^whs_/), expires_in: 1800 })
    expect(other).toEqual(one)
    expect(renewals()).toBe(1)
  })

  it('that fails leaves the session to its end, and is tried again every 30 s', async () => {
    const session = await started()
    scene.wx.requestFault = renewalFails
    await scene.pass(29)
    expect(await scene.hub.session()).toBe(session)
    expect(renewals()).toBeGreaterThan(15)
    expect(scene.wx.logins).toBe(1)
    expect(scene.errors.at(-1)).toMatchObject({ message: 'request:fail timeout', errcode: -1 })
    await expect(scene.hub.renew()).rejects.toMatchObject({ message: 'request:fail timeout' })
    expect(await scene.hub.session()).toBe(session)
    await scene.pass(2)
    expect(scene.wx.logins).toBe(2)
    expect(await scene.hub.session()).not.toBe(session)
  })

  it('whose answer is lost is made up for, without a login', async () => {
    const session = await started()
    scene.wx.slow = true
    await scene.pass(20)
    expect([renewals(), scene.wx.withheld]).toEqual([1, 1])
    scene.wx.loseAnswers()
    await scene.pass(0.6)
    expect([renewals(), scene.wx.logins]).toEqual([2, 1])
    expect(await scene.hub.session()).not.toBe(session)
    expect(await scene.isLiving(await scene.hub.session())).toBe(true)
  })

  it('comes sooner where sessions are shorter: after two thirds', async () => {
    scene.backEndAnswer = { status: 200, body: { session: 'short', expires_in: 600 } }
    const hub = scene.client(scene.wx, { hub: scene.backEnd })
    hub.start()
    await scene.pass(6.5)
    expect(renewals()).toBe(0)
    await scene.pass(0.3)
    expect(renewals()).toBe(1)
    hub.stop()
  })

  it('of a session that the hub has ended is a login', async () => {
    const session = await started()
    await scene.end(session)
    await scene.pass(20.1)
    expect([renewals(), scene.wx.logins, scene.errors]).toEqual([1, 2, []])
    await scene.end(await scene.hub.session())
    const { session: renewed } = await scene.hub.renew()
    expect(await scene.isLiving(renewed)).toBe(true)
    expect(scene.wx.logins).toBe(3)
  })

  it('without a session is a login', async () => {
    expect((await scene.hub.renew()).session).toBe(await scene.hub.session())
    expect([renewals(), scene.wx.logins]).toEqual([0, 1])
  })

  it('that ends after a login does not undo it', async () => {
    await scene.hub.session()
    scene.wx.slow = true
    const renewal = scene.hub.renew()
    await scene.wx.settled()
    scene.wx.slow = false
    const { session } = await scene.hub.login()
    scene.wx.answer()
    expect((await renewal).session).toBe(session)
    expect(await scene.hub.session()).toBe(session)
  })

  it('that ends after a logout brings nobody back', async () => {
    await started()
    scene.wx.slow = true
    const refused = expect(scene.hub.renew()).rejects.toMatchObject({ message: 'Logged out meanwhile' })
    await scene.wx.settled()
    const logout = scene.hub.logout()
    scene.wx.answer()
    await Promise.all([refused, logout])
    await scene.pass(120)
    expect([scene.wx.storage.size, scene.wx.logins, scene.errors]).toEqual([0, 1, []])
  })
})

describe('the end of the renewals', () => {
  it('is a stop', async () => {
    const session = await started()
    scene.hub.stop()
    expect(scene.wx.listeners).toBe(0)
    await scene.pass(25)
    expect(renewals()).toBe(0)
    expect(await scene.hub.session()).toBe(session)
    scene.hub.start()
    await scene.pass(0.1)
    expect(renewals()).toBe(1)
  })

  it('is a logout right after the start', async () => {
    await scene.hub.session()
    scene.hub.start()
    await scene.hub.logout()
    await scene.pass(60)
    expect([scene.wx.logins, scene.wx.storage.size, scene.errors]).toEqual([1, 0, []])
  })

  it('is a logout, until somebody logs in again', async () => {
    await started()
    await scene.hub.logout()
    scene.wx.hide()
    scene.wx.show()
    await scene.pass(120)
    expect([renewals(), scene.wx.logins]).toEqual([0, 1])
    await scene.hub.login()
    await scene.pass(20.1)
    expect([renewals(), scene.wx.logins]).toEqual([1, 2])
  })
})

describe('a clock that jumps', () => {
  it('forward ends a session early, and a login follows', async () => {
    const session = await started()
    scene.clock.jump(3_600_000)
    expect(await scene.hub.session()).not.toBe(session)
    expect(scene.wx.logins).toBe(2)
  })

  it('back makes a session look longer than it is: it is renewed when the user is back', async () => {
    await started()
    scene.wx.hide()
    scene.clock.jump(-86_400_000)
    scene.wx.show()
    await scene.pass(0.1)
    expect([renewals(), scene.wx.logins]).toEqual([1, 1])
    await scene.pass(20)
    expect([renewals(), scene.wx.logins]).toEqual([2, 1])
  })
})
