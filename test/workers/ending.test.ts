import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeWithRedis } from '../support/redis-server.js'
import { until } from '../support/until.js'
import { WithWorkers } from './with-workers.js'

const timeout = 180_000

describeWithRedis('the end of several workers', () => {
  let hub: WithWorkers

  beforeEach(async () => {
    hub = await WithWorkers.prepare()
  })

  afterEach(() => hub.close())

  it(
    'comes with that of the primary process, and leaves the port free',
    async () => {
      await hub.start(2)
      hub.app.signal('SIGKILL')
      await until(() => hub.pids.every(isGone))
      await expect(hub.request('/healthz')).rejects.toThrow()
    },
    timeout,
  )

  it(
    'comes at once with a second signal',
    async () => {
      await hub.start(2)
      hub.sandbox.faults.add({ kind: 'hang' })
      const inFlight = hub.request('/v1/default/access-token').catch(() => 'cut')
      await until(() => hub.sandbox.requests.count('/cgi-bin/token') > 0)
      hub.app.signal('SIGINT')
      hub.app.signal('SIGTERM')
      expect(await hub.app.ended()).toBe(1)
      expect(await inFlight).toBe('cut')
      await until(() => hub.pids.every(isGone))
    },
    timeout,
  )

  it.each([
    ['what is no folder', { WECHAT_HUB_DATA: '/dev/null/data' }, 78, 'WECHAT_HUB_DATA'],
    ['no Redis in the configuration', { REDIS_URL: '' }, 78, 'REDIS_URL'],
    ['no account', { WECHAT_APPID: '', WECHAT_APPSECRET: '', WECHAT_TOKEN: '' }, 78, 'WECHAT_APPID'],
  ])(
    'comes when none can start, once and with its reason: %s',
    async (_what, env, code, name) => {
      hub.app.start({ ...hub.environment(3), ...env })
      expect(await hub.app.ended()).toBe(code)
      expect(hub.app.stderr).toContain(name)
      expect(hub.app.stderr.match(/cannot start/g)).toHaveLength(1)
    },
    timeout,
  )

  it(
    'comes when the port is in use',
    async () => {
      const occupant = createServer()
      const port = await new Promise<number>((resolve) => {
        occupant.listen(0, '::', () => resolve(Object(occupant.address()).port))
      })
      hub.app.start({ ...hub.environment(2), PORT: String(port) })
      expect(await hub.app.ended()).toBe(1)
      expect(hub.app.stderr.match(/port \d+ is in use/g)).toEqual([`port ${port} is in use`])
      occupant.close()
    },
    timeout,
  )

  it(
    'shows the first client key once',
    async () => {
      hub.app.start({ ...hub.environment(3), WECHAT_HUB_KEY: '' })
      await until(() => hub.lines({ msg: 'listening' }).length === 3)
      expect(hub.app.stderr.match(/whk_\w+/g)).toHaveLength(1)
    },
    timeout,
  )
})

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}
