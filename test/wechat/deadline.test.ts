import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { Api } from '../../src/wechat/api.js'
import { FetchWindow } from '../../src/wechat/fetch-window.js'
import { MovableClock } from '../support/movable-clock.js'
import { account } from '../support/scene.js'

const path = '/cgi-bin/token'
const query = { grant_type: 'client_credential', appid: account.appID, secret: account.appSecret }

let sandbox: Sandbox
let api: Api
let told: string[]

beforeEach(async () => {
  sandbox = new Sandbox({ accounts: [account] })
  api = new Api({ apiDomain: await sandbox.listen() })
  told = []
})

afterEach(async () => {
  api.close()
  await sandbox.close()
})

/** A deadline that is over at this step. */
function over(step?: 'left' | 'leaving') {
  const tell = (name: string) => {
    told.push(name)
    if (name === step) throw new Error(`over: ${name}`)
  }
  return {
    left: () => {
      tell('left')
      return 5000
    },
    leaving: () => tell('leaving'),
    departed: () => tell('departed'),
  }
}

describe.each(['new', 'kept'])('a call with a deadline, by a %s connection', (connection) => {
  beforeEach(async () => {
    if (connection === 'kept') await api.call(path, { query })
  })

  it('asks it before it begins and before it leaves, and tells when it has left', async () => {
    const { access_token } = await api.call(path, { query, deadline: over() })
    expect(access_token).toBe(sandbox.tokens.current(account.appID, 'token')?.access_token)
    expect(told).toEqual(['left', 'leaving', 'departed'])
  })

  it.each(['left', 'leaving'] as const)('does not reach WeChat when it is over: %s', async (step) => {
    const before = sandbox.requests.count(path)
    await expect(api.call(path, { query, deadline: over(step) })).rejects.toThrow(`over: ${step}`)
    await api.call('/cgi-bin/getcallbackip').catch(() => undefined)
    expect(sandbox.requests.count(path)).toBe(before)
    expect(told.at(-1)).toBe(step)
  })
})

describe('the window of a fetch', () => {
  const clock = new MovableClock()
  const windowOf = (timeout: number, lease: number) => {
    const ends = clock.monotonic() + lease
    return new FetchWindow(clock, timeout, { remaining: () => ends - clock.monotonic() })
  }

  it('is as long as its time-out, from when its time is asked for, and ends half a second before the lease', () => {
    expect(windowOf(5000, 5000).left()).toBe(4500)
    const window = windowOf(1000, 6000)
    clock.freeze(4000)
    expect(window.left()).toBe(1000)
    clock.freeze(999)
    expect(window.left()).toBe(1)
    expect(() => window.leaving()).not.toThrow()
    clock.freeze(1)
    for (const late of [() => window.left(), () => window.leaving()])
      expect(late).toThrow('before WeChat could be asked')
    clock.freeze(500)
    for (const late of [() => window.left(), () => window.leaving()]) expect(late).toThrow('this process was paused')
  })

  it.each([
    ['was called off', [], false],
    ['left in time', ['leaving', 'departed', 'pause'], false],
    ['may have left too late', ['leaving', 'pause'], true],
    ['left too late', ['leaving', 'pause', 'departed'], true],
    ['is under way in time', ['leaving'], false],
    ['may have left too late, after one in time', ['leaving', 'departed', 'leaving', 'pause'], true],
  ])('knows of a request that %s', (_how, steps, mayBeLate) => {
    const window = windowOf(5000, 6000)
    for (const step of steps) {
      if (step === 'leaving') window.leaving()
      else if (step === 'departed') window.departed()
      else clock.freeze(7000)
    }
    expect(window.mayBeLate).toBe(mayBeLate)
  })
})
