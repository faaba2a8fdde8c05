import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWithRedis } from '../support/redis-server.js'
import { until } from '../support/until.js'
import { WithWorkers } from './with-workers.js'

const path = '/v1/default/access-token'
const callers = 1000

describeWithRedis('three workers on one port', () => {
  let hub: WithWorkers

  beforeAll(async () => {
    hub = await WithWorkers.prepare()
    await hub.start(3)
  }, 180_000)

  afterAll(() => hub.close())

  it('share the work of a thousand callers at once, and fetch one token for them', async () => {
    const answers = await Promise.all(Array.from({ length: callers }, () => hub.request(path)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const tokens = await Promise.all(answers.map((answer) => answer.json()))
    expect(new Set(tokens.map((token) => Object(token).access_token)).size).toBe(1)
    expect(hub.sandbox.requests.count('/cgi-bin/token')).toBe(1)
    await until(() => hub.lines({ msg: 'request', path }).length === callers)
    const workers = hub.lines({ msg: 'request', path }).map(({ worker }) => worker)
    for (const worker of [1, 2, 3]) expect(workers.filter((each) => each === worker).length).toBeGreaterThan(50)
  })

  it('each tell the metrics of all', async () => {
    await until(async () => {
      const figure = await hub.figures()
      expect(figure('wechat_hub_workers')).toBe(3)
      expect(figure('wechat_hub_workers_silent')).toBe(0)
      expect(figure('wechat_hub_token_requests_total')).toBe(callers)
      expect(figure('wechat_hub_fetches_today')).toBe(1)
      expect(figure('wechat_hub_credential_seconds_left')).toBeLessThanOrEqual(7200)
      expect(figure('wechat_hub_credential_seconds_left')).toBeGreaterThan(7000)
      return new Set(hub.lines({ path: '/metrics' }).map(({ worker }) => worker)).size === 3
    })
  })

  it('go on when one is killed, which costs no more than what it had in flight', async () => {
    const outcomes: (number | 'failed')[] = []
    let stopped = false
    const ask = async () => {
      while (!stopped)
        outcomes.push(
          await hub.request(path).then(
            ({ status }) => status,
            () => 'failed' as const,
          ),
        )
    }
    const asking = Array.from({ length: 8 }, ask)
    await until(() => outcomes.length > 20)
    expect(await hub.kill(2, 1)).toMatchObject({ level: 'error', signal: 'SIGKILL', startsInMs: 0 })
    const before = outcomes.length
    await until(() => outcomes.length > before + 50)
    await hub.line({ msg: 'listening', worker: 2 }, 2)
    stopped = true
    await Promise.all(asking)
    expect(outcomes.slice(before + asking.length).filter((outcome) => outcome !== 200)).toEqual([])
    expect(outcomes.filter((outcome) => outcome !== 200 && outcome !== 'failed')).toEqual([])
    expect(outcomes.filter((outcome) => outcome === 'failed').length).toBeLessThanOrEqual(asking.length)
  }, 180_000)

  it('keep what the dead one had counted', async () => {
    const figure = await hub.figures()
    expect(figure('wechat_hub_token_requests_total')).toBeGreaterThan(callers)
    expect(figure('wechat_hub_workers')).toBe(3)
  })

  it('leave one that dies at once alone for longer each time', async () => {
    await hub.kill(3, 1)
    const second = await hub.kill(3, 2)
    const third = await hub.kill(3, 3)
    expect(second['startsInMs']).toBeGreaterThanOrEqual(1000)
    expect(second['startsInMs']).toBeLessThanOrEqual(2000)
    expect(third['startsInMs']).toBeGreaterThanOrEqual(2000)
    expect(third['startsInMs']).toBeLessThanOrEqual(4000)
    expect((await hub.request(path)).status).toBe(200)
  })

  it('say on each line of the log which of them it is about', () => {
    const ofPrimary = hub.app.log.filter(({ worker }) => worker === undefined)
    expect(ofPrimary).toEqual([])
    expect(hub.lines({ event: 'worker-started' }).length).toBeGreaterThanOrEqual(5)
  })

  it('finish on SIGTERM what is in flight, and the primary exits 0', async () => {
    hub.sandbox.faults.add({ kind: 'slow', ms: 1000 })
    const calls = hub.sandbox.requests.count('/cgi-bin/getcallbackip')
    const inFlight = hub.request('/cgi-bin/getcallbackip')
    await until(() => hub.sandbox.requests.count('/cgi-bin/getcallbackip') > calls)
    hub.app.signal('SIGTERM')
    expect((await inFlight).status).toBe(200)
    expect(await hub.app.ended()).toBe(0)
    await expect(hub.request('/healthz')).rejects.toThrow()
    expect(hub.lines({ signal: 'SIGTERM' }).length).toBeGreaterThanOrEqual(3)
  })
})
