import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Fault } from '../../src/sandbox/sandbox.js'
import { CredentialUnavailable } from '../../src/wechat/errors.js'
import type { Wechat } from '../../src/wechat/wechat.js'
import { type Asked, Scene } from '../support/scene.js'
import { newSeed, seeded } from '../support/seeded.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

const hour = 3600

interface Outage {
  readonly asked: readonly Asked<string>[]
  /** When WeChat was asked, in ms since the epoch. */
  readonly attempts: readonly number[]
}

/** An hour in which nothing works, with a caller every 7 s. */
async function outage(wechat: Wechat, fault: Fault): Promise<Outage> {
  const before = scene.fetchTimes.length
  const asked: Asked<string>[] = []
  scene.sandbox.faults.add(fault)
  for (let second = 0; second < hour; second += 7) {
    asked.push(scene.watch(wechat.fetchAccessToken()))
    await scene.pass(7)
  }
  await scene.pass(8)
  return { asked, attempts: scene.fetchTimes.slice(before) }
}

function expectNoStorm(attempts: readonly number[]): void {
  expect(attempts.length).toBeGreaterThan(50)
  expect(attempts.length).toBeLessThanOrEqual(70)
  for (const from of attempts) {
    expect(attempts.filter((at) => at >= from && at < from + 10_000).length).toBeLessThanOrEqual(4)
  }
}

function expectShortWaits(asked: readonly Asked<string>[]): void {
  for (const { took } of asked) expect(took).toBeLessThanOrEqual(8000)
}

async function expectRecovery(wechat: Wechat): Promise<void> {
  scene.sandbox.faults.clear()
  await scene.pass(65)
  // Nobody has asked for it.
  expect(wechat.accessToken.state).toMatchObject({ failure: undefined })
  expect(wechat.accessToken.state.secondsLeft).toBeGreaterThan(7000)
  expect(scene.accepts(await wechat.fetchAccessToken())).toBe(true)
}

const path = '/cgi-bin/token'
const faults: Fault[] = [
  { kind: 'status', status: 502, path },
  { kind: 'reset', path },
  { kind: 'busy', path },
  { kind: 'garbage', path },
  { kind: 'truncate', path },
  { kind: 'huge', path },
]
const seed = newSeed()
const draws = [
  { named: '0', random: () => 0 },
  { named: '0.5', random: () => 0.5 },
  { named: '0.999', random: () => 0.999 },
  { named: `seed ${seed}`, random: seeded(seed) },
]
const cases = [
  ...faults.flatMap((fault) => draws.map((draw) => ({ kind: fault.kind, fault, timeout: 5000, ...draw }))),
  { kind: 'hang', fault: { kind: 'hang', path } as const, timeout: 250, named: '0.5', random: () => 0.5 },
]

describe('an outage of WeChat', () => {
  it.each(cases)('of an hour ($kind, random $named) costs nothing while the token lives', async (given) => {
    const wechat = scene.wechat({ random: given.random, timeout: given.timeout })
    const first = await wechat.fetchAccessToken()
    await scene.pass(7200 - 291)
    const { asked, attempts } = await outage(wechat, given.fault)

    const served = asked.filter(({ value }) => value !== undefined)
    expect(new Set(served.map(({ value }) => value))).toEqual(new Set([first]))
    // 291 s to live, a caller each 7 s.
    expect(served).toHaveLength(42)
    for (const { error } of asked.slice(served.length)) {
      expect(error).toBeInstanceOf(CredentialUnavailable)
      expect(error).toMatchObject({ kind: 'transient', errcode: -1, retryAfter: expect.any(Number) })
    }
    expectShortWaits(asked)
    expectNoStorm(attempts)
    expect(scene.mostInFlight).toBe(1)
    await expectRecovery(wechat)
  })

  it.each(draws)('at the very start (random $named) is over within 65 s of its end', async ({ random }) => {
    const wechat = scene.wechat({ random })
    const { asked, attempts } = await outage(wechat, { kind: 'status' })
    for (const { error } of asked) expect(error).toBeInstanceOf(CredentialUnavailable)
    expectShortWaits(asked)
    expectNoStorm(attempts)
    await expectRecovery(wechat)
  })

  it('that is short is not noticed by a caller who waits', async () => {
    const wechat = scene.wechat()
    scene.sandbox.faults.add({ kind: 'status', times: 2 })
    const { value, took } = await scene.ended(wechat.fetchAccessToken())
    expect(scene.accepts(value ?? '')).toBe(true)
    // 1.5 s and 3 s of pause.
    expect(took).toBe(4500)
    expect(scene.fetches).toBe(3)
  })

  it('tells each caller when to come again, and then it works', async () => {
    const wechat = scene.wechat()
    scene.sandbox.faults.add({ kind: 'status' })
    const { error } = await scene.ended(wechat.fetchAccessToken())
    scene.sandbox.faults.clear()
    expect(error).toBeInstanceOf(CredentialUnavailable)
    if (error instanceof CredentialUnavailable) await scene.pass(error.retryAfter ?? 0)
    expect(wechat.accessToken.state.secondsLeft).toBeGreaterThan(7000)
  })
})
