import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashKey, makeKey } from '../../src/access/key.js'
import type { Scope } from '../../src/http/route.js'
import { RunningHub } from '../support/running-hub.js'

const scopes = ['token', 'ticket', 'jssdk', 'session', 'metrics', 'admin', 'gateway:/cgi-bin/*'] as const
const keys = new Map<string, string>()
const clients = Object.fromEntries(
  scopes.map((scope) => {
    const key = makeKey()
    keys.set(scope, key)
    return [
      `holder-of-${scope.replaceAll(/\W/g, '-')}`,
      { keyHash: [hashKey(key)], accounts: ['shop'], scopes: [scope] },
    ]
  }),
)

let running: RunningHub

beforeAll(async () => {
  running = await RunningHub.start({ config: { clients } })
})

afterAll(() => running.close())

describe('the table of routes', () => {
  it('declares who may call each route of the router', () => {
    const declared = running.hub.routes.map(({ method, path }) => `${method} ${path}`)
    const routed = running.hub.routers
      .flatMap(({ stack }) => stack)
      .flatMap(({ methods, path }) =>
        methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(path)}`),
      )
    expect(routed.length).toBeGreaterThan(0)
    expect(routed.sort()).toEqual(declared.sort())
    for (const { who } of running.hub.routes) {
      expect(typeof who === 'string' || scopes.some((scope) => scope === who.scope)).toBe(true)
    }
  })

  it('has no route for anyone but those that give nothing away', () => {
    const open = running.hub.routes.filter(({ who }) => who === 'anyone').map(({ path }) => path)
    expect(open.sort()).toEqual(['/healthz', '/readyz', '/v1/jssdk.js'])
  })

  it('lets exactly the declared scope and admin through, for the client’s own account', async () => {
    for (const { method, path, who } of running.hub.routes) {
      if (typeof who === 'string') continue
      for (const scope of scopes) {
        const own = await statusOf(method, path.replace(':account', 'shop'), scope)
        const other = await statusOf(method, path.replace(':account', 'blog'), scope)
        const allowed = scope === who.scope || scope === 'admin'
        expect([method, path, scope, isRefusal(own)]).toEqual([method, path, scope, !allowed])
        if (path.includes(':account')) expect([path, scope, isRefusal(other)]).toEqual([path, scope, true])
      }
      expect([method, path, await statusOf(method, path.replace(':account', 'shop'), undefined)]).toEqual([
        method,
        path,
        401,
      ])
    }
  })

  it('lets visitors only to sessions, and only those of mini programs', async () => {
    const visited = running.hub.routes.filter(({ who }) => who === 'visitor')
    expect(visited.length).toBeGreaterThan(4)
    expect(visited.filter(({ path }) => !path.startsWith('/v1/:account/sessions'))).toEqual([])
    for (const { method, path } of visited) {
      expect([method, path, await statusOf(method, path.replace(':account', 'shop'), 'admin')]).toEqual([
        method,
        path,
        404,
      ])
    }
  })

  it('does not tell a client of one account which others exist', async () => {
    const other = await running.request('/v1/blog/access-token', { key: keys.get('token') })
    const nobody = await running.request('/v1/nobody/access-token', { key: keys.get('token') })
    expect([other.status, nobody.status]).toEqual([403, 403])
    expect(await running.request('/v1/nobody/access-token')).toMatchObject({ status: 404 })
  })
})

async function statusOf(method: string, path: string, scope: Scope | undefined): Promise<number> {
  const key = scope === undefined ? undefined : keys.get(scope)
  return (await running.request(path, { method, key })).status
}

function isRefusal(status: number): boolean {
  return status === 401 || status === 403
}
