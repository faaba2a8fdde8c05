import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import { FetchWindow } from '../../src/wechat/fetch-window.js'
import { Child } from '../support/child.js'
import type { CallCommands } from '../support/child-call.js'
import { MovableClock } from '../support/movable-clock.js'
import { account } from '../support/scene.js'
import { SlowLine } from '../support/slow-line.js'

const path = '/cgi-bin/token'
const query = { grant_type: 'client_credential', appid: account.appID, secret: account.appSecret }

describe.each([
  { by: 'HTTP', connection: 'new' },
  { by: 'HTTP', connection: 'kept' },
  { by: 'HTTPS', connection: 'new' },
  { by: 'HTTPS', connection: 'kept' },
])('a call with a deadline by $by, with a $connection connection', ({ by, connection }) => {
  let sandbox: Sandbox
  let line: SlowLine
  let caller: Child<CallCommands>

  beforeEach(async () => {
    sandbox = new Sandbox({ accounts: [account] })
    line = await SlowLine.to(sandbox)
    line.let()
    const apiDomain = by === 'HTTPS' ? line.url : await sandbox.listen()
    // Whom it trusts Node reads only when it starts.
    caller = await Child.start<CallCommands>('child-call', { apiDomain }, { env: { NODE_EXTRA_CA_CERTS: line.caFile } })
    if (connection === 'kept') await caller.ask('call', { path, query })
  })

  afterEach(async () => {
    await Child.killAll()
    line.close()
    await sandbox.close()
  })

  it('asks it before it begins and before it leaves, and tells when it has left', async () => {
    const before = sandbox.requests.count(path)
    expect(await caller.ask('call', { path, query })).toEqual({ told: ['left', 'leaving', 'departed'], failure: null })
    expect(sandbox.requests.count(path)).toBe(before + 1)
  })

  it.each(['left', 'leaving'] as const)('does not reach WeChat when it is over: %s', async (over) => {
    const before = sandbox.requests.count(path)
    const { told, failure } = await caller.ask('call', { path, query, over })
    expect(failure).toBe(`Error: over: ${over}`)
    await caller.ask('call', { path: '/cgi-bin/getcallbackip', query: {} })
    expect(sandbox.requests.count(path)).toBe(before)
    expect(told.at(-1)).toBe(over)
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
    for (const late of [() => window.left(), () => window.leaving()]) expect(late).toThrow('this process stood still')
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
