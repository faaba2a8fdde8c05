import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MovableClock } from '../support/movable-clock.js'
import { RunningHub, shop } from '../support/running-hub.js'
import { clientWith, fieldsOf, quiet, SdkRequests, whileTimePasses } from './sdk-requests.js'

const clientNames = ['crm', 'erp', 'web', 'job']
const clients = new Map(clientNames.map((name) => [name, clientWith('token')]))
const keyOf = (name: string) => clients.get(name)?.key ?? ''

describe.each(['token', 'stable_token'] as const)('of an account on %s', (endpoint) => {
  let clock: MovableClock
  let running: RunningHub
  const sdk = new SdkRequests(() => running)

  beforeEach(async () => {
    clock = new MovableClock()
    const config = { clients: Object.fromEntries([...clients].map(([name, { settings }]) => [name, settings])) }
    running = await RunningHub.start({ clock, config, shop: { endpoint } })
  })

  afterEach(() => running.close())

  const tokenIn = async (response: Response | Promise<Response>) => String((await fieldsOf(response))['access_token'])
  const fetchBy = (name: string) => tokenIn(sdk.token(keyOf(name)))
  const forcedBy = (name: string) => tokenIn(sdk.stableToken(keyOf(name), { force_refresh: true }))
  const steal = () => running.sandbox.tokens.issue(shop.appID, endpoint, { atOnce: true })
  const asked = (path: string) => running.sandbox.requests.count(path)
  const fetches = () => asked('/cgi-bin/token') + asked('/cgi-bin/stable_token')
  const probes = () => asked('/cgi-bin/getcallbackip')
  const lives = (token: string) => running.sandbox.tokens.judge(running.sandbox.tokens.find(token)) === 'live'

  describe('a second fetch', () => {
    it('by the same client is a report: a living token is looked at and stays', async () => {
      const first = await fetchBy('crm')
      expect(probes()).toBe(0)
      expect(await fetchBy('crm')).toBe(first)
      expect([fetches(), probes()]).toEqual([1, 1])
    })

    it('by the same client replaces a token that was stolen', async () => {
      const first = await fetchBy('crm')
      steal()
      const second = await fetchBy('crm')
      expect([second === first, lives(second)]).toEqual([false, true])
      expect([fetches(), probes()]).toEqual([2, 1])
    })

    it('by another client is none', async () => {
      const first = await fetchBy('crm')
      steal()
      for (const name of ['erp', 'web', 'job']) expect(await fetchBy(name)).toBe(first)
      expect([fetches(), probes()]).toEqual([1, 0])
    })

    it('of a client that has not had this token yet is none', async () => {
      await fetchBy('crm')
      steal()
      const next = await fetchBy('crm')
      expect(await fetchBy('erp')).toBe(next)
      await clock.advance(7000 * 1000, () => quiet(running))
      const later = await fetchBy('crm')
      expect([later === next, lives(later)]).toEqual([false, true])
      expect(probes()).toBe(1)
    })

    it('that is on its way together with the first is none', async () => {
      // So long that all have come before any is answered.
      running.sandbox.faults.add({ kind: 'slow', ms: 500, path: `/cgi-bin/${endpoint}`, times: 1 })
      const tokens = await Promise.all(Array.from({ length: 50 }, () => fetchBy('crm')))
      expect(new Set(tokens).size).toBe(1)
      expect([fetches(), probes()]).toEqual([1, 0])
    })

    it('after a theft gives all of 50 at once the new token, with one refresh', async () => {
      const first = await fetchBy('crm')
      steal()
      const tokens = new Set(await Promise.all(Array.from({ length: 50 }, () => fetchBy('crm'))))
      const [token = ''] = tokens
      expect([tokens.size, token === first, lives(token)]).toEqual([1, false, true])
      expect([fetches(), probes()]).toEqual([2, 1])
    })

    it('soon after another does not wait, and asks nobody; five seconds later it does', async () => {
      const first = await fetchBy('crm')
      await fetchBy('crm')
      steal()
      await clock.advance(4999)
      expect(await fetchBy('crm')).toBe(first)
      expect(probes()).toBe(1)
      await clock.advance(1)
      const next = await fetchBy('crm')
      expect([next === first, lives(next)]).toEqual([false, true])
      expect([fetches(), probes()]).toEqual([2, 2])
    })

    it('does not wait either when somebody else has reported the token just now', async () => {
      const access_token = await fetchBy('crm')
      await running.post('/v1/shop/access-token/rejected', { access_token })
      expect(await fetchBy('crm')).toBe(access_token)
      expect(probes()).toBe(1)
    })

    it('keeps the token while WeChat cannot be asked', async () => {
      const first = await fetchBy('crm')
      running.sandbox.faults.add({ kind: 'busy' })
      expect(await fetchBy('crm')).toBe(first)
      expect(fetches()).toBe(1)
    })

    it('is looked into at once when the report before has failed', async () => {
      await fetchBy('crm')
      steal()
      running.sandbox.faults.add({ kind: 'ip', path: `/cgi-bin/${endpoint}` })
      expect(await fieldsOf(sdk.token(keyOf('crm')))).toMatchObject({ errcode: 40164 })
      running.sandbox.faults.clear()
      await clock.advance(60_000, () => quiet(running))
      expect(lives(await fetchBy('crm'))).toBe(true)
    })
  })

  describe('force_refresh', () => {
    it('gives the present token while it lives, at a first fetch too', async () => {
      const first = await forcedBy('crm')
      expect(await forcedBy('crm')).toBe(first)
      expect(await forcedBy('erp')).toBe(first)
      expect([fetches(), probes()]).toEqual([1, 1])
    })

    it.each([['true'], [1], ['1'], [{}], [[true]], [null]])('is none as %j', async (force_refresh) => {
      await fetchBy('crm')
      await fieldsOf(sdk.stableToken(keyOf('erp'), { force_refresh }))
      expect(probes()).toBe(0)
    })

    it('is none in the query of GET /cgi-bin/token', async () => {
      await fetchBy('crm')
      const query = `grant_type=client_credential&appid=${shop.appID}&secret=${keyOf('erp')}&force_refresh=true`
      await fieldsOf(sdk.get(`/cgi-bin/token?${query}`))
      expect(probes()).toBe(0)
    })

    it('a thousand times by four clients costs WeChat one fetch, and one question in five seconds', async () => {
      const tokens = new Set<string>()
      for (let round = 0; round < 250; round += 1) {
        for (const token of await Promise.all(clientNames.map(forcedBy))) tokens.add(token)
        await clock.advance(200)
      }
      expect([tokens.size, fetches()]).toEqual([1, 1])
      expect(probes()).toBeGreaterThanOrEqual(10)
      expect(probes()).toBeLessThanOrEqual(11)
      // Nor does each of them make the hub look into its store.
      const metrics = await (await running.request('/metrics')).text()
      const reports = [...metrics.matchAll(/^wechat_hub_rejected_reports_total\{.*\} (\d+)$/gm)]
      expect(reports.map(([, times]) => Number(times))).toEqual([probes()])
    })

    it('by all clients at once replaces a stolen token once, and again none', async () => {
      const first = await fetchBy('crm')
      steal()
      const names = Array.from({ length: 48 }, (_, nth) => clientNames[nth % clientNames.length] ?? '')
      const tokens = new Set(await Promise.all(names.map(forcedBy)))
      const [token = ''] = tokens
      expect([tokens.size, token === first, lives(token)]).toEqual([1, false, true])
      expect([fetches(), probes()]).toEqual([2, 1])
      for (const name of names) expect(await forcedBy(name)).toBe(token)
      expect(fetches()).toBe(2)
    })

    it('keeps the distance between forced fetches though each token is stolen at once', async () => {
      const start = clock.now()
      for (let round = 0; round < 40; round += 1) {
        steal()
        await Promise.all(
          clientNames.map((name) =>
            whileTimePasses(clock, running, sdk.stableToken(keyOf(name), { force_refresh: true })),
          ),
        )
        await clock.advance(1000, () => quiet(running))
      }
      const seconds = (clock.now() - start) / 1000
      // WeChat's stable_token gives the thief's token, which lives: no force is needed.
      const gap = endpoint === 'token' ? 10 : 5
      expect(fetches()).toBeLessThanOrEqual(2 + seconds / gap)
      expect(probes()).toBeLessThanOrEqual(1 + seconds / 5)
      expect(fetches()).toBeGreaterThan(2)
    })
  })
})
