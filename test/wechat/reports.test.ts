import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Asked, Scene } from '../support/scene.js'
import { newSeed, seeded } from '../support/seeded.js'

let scene: Scene

beforeEach(async () => {
  scene = await Scene.start()
})

afterEach(() => scene.close())

const probe = '/cgi-bin/getcallbackip'

describe('reports of a rejected token (P5)', () => {
  const seed = newSeed()

  it(`make no storm: 10,000 in ten minutes, seed ${seed}`, async () => {
    const random = seeded(seed)
    const wechat = scene.wechat()
    const known = [await wechat.fetchAccessToken()]
    const asked: Asked<string>[] = []
    const thefts = 6

    function reported(): string {
      const kind = random()
      if (kind < 0.2) return `made-up-${random()}`
      return known.at(kind < 0.4 ? Math.floor(random() * known.length) : -1) ?? ''
    }

    for (let second = 0; second < 600; second += 1) {
      if (second % 100 === 50) scene.steal()
      const count = second % 3 === 2 ? 16 : 17
      for (let each = 0; each < count; each += 1) asked.push(scene.watch(wechat.rejectAccessToken(reported())))
      await scene.pass(random() * 2)
      const token = await wechat.fetchAccessToken()
      if (!known.includes(token)) known.push(token)
    }
    expect(asked).toHaveLength(10_000)
    await scene.pass(8)

    for (const { took, value } of asked) {
      expect(took).toBeLessThanOrEqual(8000)
      expect(known).toContain(value)
    }
    expect(scene.happened('died-early')).toHaveLength(thefts)
    expect(scene.happened('refreshed').filter(({ cause }) => cause === 'rejected')).toHaveLength(thefts)
    expect(scene.fetches).toBe(1 + thefts)
    expect(scene.mostInFlight).toBe(1)
    const probes = scene.sandbox.requests.list(probe).requests.map(({ at }) => at)
    for (const [index, at] of probes.slice(1).entries()) {
      expect(Math.round(at - (probes[index] ?? at))).toBeGreaterThanOrEqual(5000)
    }

    const last = await scene.ended(wechat.rejectAccessToken(await wechat.fetchAccessToken()))
    expect(scene.accepts(last.value ?? '')).toBe(true)
  })

  it('replace a dead token once, and answer with the new one', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    scene.steal()
    const next = await wechat.rejectAccessToken(first)
    expect(next).not.toBe(first)
    expect(scene.accepts(next)).toBe(true)
    expect(await wechat.fetchAccessToken()).toBe(next)
    expect(scene.fetches).toBe(2)
  })

  it('change nothing when they are false', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    expect(await wechat.rejectAccessToken(first)).toBe(first)
    expect(scene.probes).toBe(1)
    expect(scene.fetches).toBe(1)
    expect(scene.happened('reported')).toEqual([{ credential: 'access_token', type: 'reported', outcome: 'alive' }])
  })

  it('of an old or a made-up token cause no probe', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    const second = await wechat.updateAccessToken()
    for (const token of [first, 'made-up', '']) expect(await wechat.rejectAccessToken(token)).toBe(second)
    expect(scene.probes).toBe(0)
    expect(scene.fetches).toBe(2)
  })

  it('of a token that is known to be dead cause no second probe', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    scene.steal()
    scene.sandbox.faults.add({ kind: 'ip', path: '/cgi-bin/token' })
    for (let report = 0; report < 5; report += 1) {
      await expect(wechat.rejectAccessToken(first)).rejects.toMatchObject({ errcode: 40164 })
      await scene.pass(10)
    }
    expect(scene.probes).toBe(1)
  })

  it('that come before anybody asked for a token fetch the first one and no more', async () => {
    const wechat = scene.wechat()
    expect(scene.accepts(await wechat.rejectAccessToken('made-up'))).toBe(true)
    expect(scene.fetches).toBe(1)
    expect(scene.probes).toBe(0)
  })

  it.each(['status', 'reset', 'garbage', 'busy', 'quota', 'ip', 'truncate'] as const)(
    'keep the token when the probe cannot tell (%s)',
    async (kind) => {
      const wechat = scene.wechat()
      const first = await wechat.fetchAccessToken()
      scene.sandbox.faults.add({ kind, path: probe })
      expect(await wechat.rejectAccessToken(first)).toBe(first)
      expect(scene.fetches).toBe(1)
      expect(scene.happened('reported')).toEqual([
        { credential: 'access_token', type: 'reported', outcome: 'cannot-tell' },
      ])
    },
  )

  it('keep the token when the probe gets no answer', async () => {
    const wechat = scene.wechat({ timeout: 500 })
    const first = await wechat.fetchAccessToken()
    scene.sandbox.faults.add({ kind: 'hang', path: probe })
    expect(await wechat.rejectAccessToken(first)).toBe(first)
    expect(scene.fetches).toBe(1)
  })

  it.each([40001, 40014, 42001])('take errcode %i of the probe for the death of the token', async (errcode) => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    scene.sandbox.faults.add({ kind: 'errcode', errcode, path: probe, times: 1 })
    expect(await wechat.rejectAccessToken(first)).not.toBe(first)
    expect(scene.fetches).toBe(2)
  })

  it('wait for the next probe when they come within 5 s of the last', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    await wechat.rejectAccessToken(first)
    scene.steal()
    await scene.pass(2)
    const reports = Array.from({ length: 10 }, () => scene.ended(wechat.rejectAccessToken(first)))
    for (const { value, took } of await Promise.all(reports)) {
      expect(took).toBe(3000)
      expect(value).not.toBe(first)
    }
    expect(scene.probes).toBe(2)
    expect(scene.fetches).toBe(2)
  })

  it('are answered at once by what WeChat said just before, where the reporter does not wait', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    const refetch = () => scene.ended(wechat.accessToken.reject(first, 'a second fetch', { wait: false }))
    expect(await refetch()).toMatchObject({ value: { value: first }, took: 0 })
    scene.steal()
    await scene.pass(4.9)
    expect(await refetch()).toMatchObject({ value: { value: first }, took: 0 })
    expect(scene.probes).toBe(1)
    await scene.pass(0.2)
    const { value } = await refetch()
    expect(scene.accepts(value?.value ?? '')).toBe(true)
    expect(scene.probes).toBe(2)
    expect(scene.happened('reported').map(({ outcome }) => outcome)).toEqual(['alive', 'too-soon', 'dead'])
  })

  it('are answered by a probe that began after they came, however long the store takes', async () => {
    let stored: unknown
    let reads = 0
    let endRead: () => void = () => undefined
    const slowRead = new Promise<void>((resolve) => {
      endRead = resolve
    })
    const wechat = scene.wechat({
      getAccessToken: async () => {
        reads += 1
        if (reads === 3) await slowRead
        return stored
      },
      saveAccessToken: async (record: unknown) => {
        stored = record
      },
    })
    const first = await wechat.fetchAccessToken()
    reads = 1
    const reports = [1, 2].map(() => scene.ended(wechat.rejectAccessToken(first)))
    await reports[0]
    endRead()
    expect(await reports[1]).toEqual({ value: first, took: 0 })
    expect(reads).toBe(3)
    expect(scene.probes).toBe(1)
  })

  it('are tried again at the pace of the backoff when the fetch of the next token fails', async () => {
    const wechat = scene.wechat()
    const first = await wechat.fetchAccessToken()
    scene.steal()
    scene.sandbox.faults.add({ kind: 'status', path: '/cgi-bin/token', times: 1 })
    const { value, took } = await scene.ended(wechat.rejectAccessToken(first))
    expect(took).toBe(1500)
    expect(scene.accepts(value ?? '')).toBe(true)
  })

  it('take the token that another process has stored instead of a fetch', async () => {
    let stored: unknown
    const options = {
      getAccessToken: () => Promise.resolve(stored),
      saveAccessToken: (record: unknown) => {
        stored = record
        return Promise.resolve()
      },
    }
    const [one, two] = [scene.wechat(options), scene.wechat(options)]
    const first = await one.fetchAccessToken()
    expect(await two.fetchAccessToken()).toBe(first)
    const second = await two.updateAccessToken()
    expect(await one.rejectAccessToken(first)).toBe(second)
    expect(scene.fetches).toBe(2)
    expect(scene.probes).toBe(0)
  })
})
