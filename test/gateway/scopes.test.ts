import { afterEach, describe, expect } from 'vitest'
import type { Scope } from '../../src/http/route.js'
import { MovableClock } from '../support/movable-clock.js'
import { blog, shop } from '../support/running-hub.js'
import { bearer, GatewayScene, gatewayTest, type RawAnswer, testClient } from './recording-upstream-scene.js'

const scopes = [
  'token',
  'ticket',
  'jssdk',
  'session',
  'metrics',
  'admin',
  'gateway:/cgi-bin/*',
  'gateway:/cgi-bin/message/*',
  'gateway:/cgi-bin/menu/get',
  'gateway:/cgi-bin/clear_quota',
  'gateway:/cgi-bin/openapi/rid/get',
  'gateway:/cgi-bin/token',
  'gateway:/cgi-bin/stable_token',
  'gateway:/cgi-bin/ticket/getticket',
  'gateway:/*',
] as const satisfies readonly Scope[]

const forwarded = [
  '/cgi-bin/message/x',
  '/cgi-bin/menu/get',
  '/sns/userinfo',
  '/cgi-bin/clear_quota',
  '/cgi-bin/openapi/rid/get',
]
const guarded = new Set(['/sns/userinfo', '/cgi-bin/clear_quota', '/cgi-bin/openapi/rid/get'])
const getticket = '/cgi-bin/ticket/getticket'
const tokenPaths = ['/cgi-bin/token', '/cgi-bin/stable_token'] as const

/** Who gets WeChat's own token, and may call WeChat through the gateway. */
const holder = testClient(['shop', 'blog'], 'token', 'ticket', 'gateway:/cgi-bin/*')
const clients = {
  ...Object.fromEntries(scopes.map((scope) => [scope.replaceAll(/\W+/g, '-'), testClient(['shop'], scope)])),
  holder,
}
const test = gatewayTest(clients)
const byName: Readonly<Record<string, typeof holder>> = clients
const clientWith = (scope: Scope) => byName[scope.replaceAll(/\W+/g, '-')] ?? testClient([])

/** What the scope should open, said anew. */
function opens(scope: Scope, path: string): boolean {
  if (path === getticket) return scope === 'admin' || scope === 'ticket' || scope === `gateway:${getticket}`
  if (scope === `gateway:${path}`) return true
  if (guarded.has(path)) return false
  if (scope === 'gateway:/cgi-bin/message/*') return path.startsWith('/cgi-bin/message/')
  return scope === 'admin' || scope === 'gateway:/*' || scope === 'gateway:/cgi-bin/*'
}

const getsRealToken = (scope: Scope) => scope === 'token'
const getsHubToken = (scope: Scope) => scope === 'ticket' || scope === 'admin' || scope.startsWith('gateway:')

afterEach<{ scene: GatewayScene }>(({ scene }) => {
  scene.arrived()
})

/** The errcode of an answer; `taken` if WeChat got the call with this account's token, or the hub gave that account's ticket. */
function outcome(scene: GatewayScene, answer: RawAnswer | undefined, { appID } = shop): unknown {
  const arrived = scene.arrived()
  const { errcode, ticket } = JSON.parse(answer?.body ?? '{}')
  if (arrived.length === 0) return ticket === undefined ? errcode : ticket === `ticket-of-${appID}` ? 'taken' : ticket
  const tokens = arrived.map(({ target }) => new URL(target, 'http://x').searchParams.getAll('access_token').join())
  expect(tokens).toEqual([scene.upstream.tokenOf(appID)])
  return 'taken'
}

const rows = scopes.flatMap((scope) => [...forwarded, getticket].map((path) => [scope, path] as const))
const queryOf = (path: string, query: Record<string, string>) =>
  `${path}?${new URLSearchParams({ type: 'jsapi', ...query })}`

describe('a key with the scope', () => {
  test.for(rows)('%s, for %s', async ([scope, path], { scene }) => {
    const client = clientWith(scope)
    const right = opens(scope, path) ? 'taken' : 48001
    const own = queryOf(path, { appid: shop.appID })
    const call = async (target: string, ...lines: string[]) => outcome(scene, await scene.call(target, lines))
    const real = await scene.running.hub.accounts.find('blog')?.wechat.accessToken.value()
    expect([
      await call(own, bearer(client)),
      await call(queryOf(path, {}), bearer(client)),
      await call(queryOf(path, { appid: blog.appID }), bearer(client)),
      await call(queryOf(path, { appid: 'wx0000000000000000' }), bearer(client)),
      // A key counts before a token, whatever that would open.
      await call(queryOf(path, { access_token: real ?? '' }), bearer(client)),
      await call(own, bearer(client), bearer(client)),
      await call(own, bearer(client), bearer(clientWith('admin'))),
      await call(own, 'Authorization: Bearer made-up', bearer(client)),
      await call(own, `Authorization: Bearer ${client.key} ${client.key}`),
      await call(own, `Authorization: Basic ${client.key}`),
      await call(queryOf(path, { access_token: client.key })),
      await call(queryOf(path, { secret: client.key, appid: shop.appID })),
      // It must not go on to WeChat.
    ]).toEqual([
      ...[right, right, 40013, 40013, right, 40001, 40001, 40001, 40001, 40001, 40001],
      path === getticket ? 41001 : 40066,
    ])
  })
})

describe('a token that the hub gave to a client with the scope', () => {
  test.for(rows)('%s, for %s', async ([scope, path], { scene }) => {
    if (!getsRealToken(scope) && !getsHubToken(scope)) {
      await expect(scene.tokenFor(clientWith(scope))).rejects.toThrow('no token')
      return
    }
    const token = await scene.tokenFor(clientWith(scope))
    expect(token === scene.upstream.tokenOf(shop.appID)).toBe(getsRealToken(scope))
    // WeChat's own token opens what a client does that gets it: here that is `holder`.
    const right = (getsRealToken(scope) ? !guarded.has(path) : opens(scope, path)) ? 'taken' : 48001
    const call = async (target: string, ...lines: string[]) => outcome(scene, await scene.call(target, lines))
    const own = queryOf(path, { access_token: token })
    expect([
      await call(own),
      await call(queryOf(path, { access_token: token, appid: blog.appID })),
      await call(own, 'Authorization: Bearer made-up'),
      await call(own, 'Authorization: '),
      await call(queryOf(path, {}), `Authorization: Bearer ${token}`),
      await call(`${own}x`),
      await call(queryOf(path, {}), `access_token: ${token}`),
      await call(queryOf(path, {}), `Cookie: access_token=${token}`),
    ]).toEqual([right, right, 40001, 40001, 40001, getsRealToken(scope) ? 40001 : 42001, 41001, 41001])
  })
})

describe('whoever shows', () => {
  const strangers = {
    nothing: {},
    'an empty access_token': { access_token: '' },
    'an access_token that is made up': { access_token: `real-${'x'.repeat(60)}` },
    'a hub token that is made up': {
      access_token: `wht_${'a'.repeat(8)}.Y3Jt.${shop.appID}.zzzzzzz.${'A'.repeat(43)}`,
    },
    'the AppSecret': { access_token: shop.appSecret },
  }
  test.for(Object.entries(strangers))('%s opens nothing', async ([, query], { scene }) => {
    for (const path of [...forwarded, getticket]) {
      const answer = outcome(scene, await scene.call(queryOf(path, { appid: shop.appID, ...query })))
      expect([41001, 40001, 42001]).toContain(answer)
    }
  })

  test('WeChat’s own token opens what is not guarded while it lives, and the one before for as long', async ({
    scene: bystander,
  }) => {
    const clock = new MovableClock()
    const scene = await GatewayScene.start({ holder }, clock)
    const credential = scene.running.hub.accounts.find('shop')?.wechat.accessToken
    const made = ['first', 'second', 'third'].map((name) => `${name}-${'x'.repeat(60)}`)
    for (const token of made) {
      scene.upstream.tokenOf = () => token
      await credential?.update()
    }
    const outcomes = async (path: string) => {
      const all: unknown[] = []
      for (const access_token of made) all.push(outcome(scene, await scene.call(queryOf(path, { access_token }))))
      return all
    }
    for (const path of [...forwarded, getticket]) {
      const right = guarded.has(path) ? 48001 : 'taken'
      expect([path, ...(await outcomes(path))]).toEqual([path, 40001, right, right])
    }
    await clock.advance(299_000)
    expect(await outcomes(getticket)).toEqual([40001, 'taken', 'taken'])
    await clock.advance(2_000)
    for (const path of ['/cgi-bin/message/x', getticket]) expect(await outcomes(path)).toEqual([40001, 40001, 'taken'])
    await scene.close()
    expect(bystander.arrived()).toEqual([])
  })

  test('WeChat’s own token opens nothing where no client gets it that may do this', async ({ scene: bystander }) => {
    const token = testClient(['shop'], 'token')
    const scene = await GatewayScene.start({ token, admin: testClient(['*'], 'admin', 'gateway:/*') })
    const access_token = (await scene.running.hub.accounts.find('shop')?.wechat.accessToken.value()) ?? ''
    for (const path of [...forwarded, getticket]) {
      expect(outcome(scene, await scene.call(queryOf(path, { access_token })))).toBe(48001)
    }
    await scene.close()
    expect(bystander.arrived()).toEqual([])
  })

  test('the token of an account reaches that one alone', async ({ scene }) => {
    const access_token = (await scene.running.hub.accounts.find('blog')?.wechat.accessToken.value()) ?? ''
    for (const appid of [shop.appID, blog.appID]) {
      for (const path of ['/cgi-bin/message/x', getticket]) {
        expect(outcome(scene, await scene.call(queryOf(path, { access_token, appid })), blog)).toBe('taken')
      }
    }
  })
})

describe('a path that WeChat answers with a session_key (P9)', () => {
  const paths = [
    '/sns/jscode2session',
    '/sns/component/jscode2session',
    '/cgi-bin/miniprogram/jscode2session',
    '/cgi-bin/service/miniprogram/jscode2session',
    '/wxa/resetusersessionkey',
    '/wxa/sec/checkcode2verifyinfo',
  ] as const
  const named = testClient(['shop'], 'admin', 'token', 'gateway:/*', ...paths.map((path) => `gateway:${path}` as const))
  const spelled = (path: string) => {
    const shouted = path.replace(/(?<=\/.+)\/.*/, (rest) => rest.toUpperCase())
    return [path, shouted, `${path}.`, `${path}/x`, `${path}./x`]
  }

  test.for(paths)(
    '%s is refused whatever the scope, the AppSecret or the token is',
    async (path, { scene: bystander }) => {
      const scene = await GatewayScene.start({ named })
      scene.upstream.answer = () => ({ body: '{"openid":"o","session_key":"HyVFkGl5F5OQWJZZaNzBBg=="}' })
      const query = { appid: shop.appID, secret: shop.appSecret, js_code: 'code', grant_type: 'authorization_code' }
      const access_token = await scene.tokenFor(named)
      for (const target of spelled(path)) {
        for (const method of ['GET', 'POST']) {
          const lines = [bearer(named), ...(method === 'POST' ? ['Content-Length: 0'] : [])]
          const answers = [
            await scene.call(queryOf(target, query), lines, method),
            await scene.call(queryOf(target, { ...query, access_token }), lines.slice(1), method),
          ]
          for (const answer of answers) {
            expect([target, JSON.parse(answer?.body ?? '{}')]).toEqual([
              target,
              {
                ...{ errcode: 48001, errmsg: 'api unauthorized', requestId: expect.any(String) },
                hint: expect.stringContaining('POST /v1/:account/sessions'),
              },
            ])
          }
        }
      }
      expect(scene.arrived()).toEqual([])
      await scene.close()
      expect(bystander.arrived()).toEqual([])
    },
  )

  test.for(['/sns/jscode2sessions', '/wxa/checksession'] as const)(
    'is none like %s',
    async (path, { scene: bystander }) => {
      const neighbour = testClient(['shop'], `gateway:${path}`)
      const scene = await GatewayScene.start({ neighbour })
      expect(outcome(scene, await scene.call(path, [bearer(neighbour)]))).toBe('taken')
      await scene.close()
      expect(bystander.arrived()).toEqual([])
    },
  )
})

describe('a token is given by', () => {
  const cases = scopes.flatMap((scope) => tokenPaths.map((path) => [path, scope] as const))

  async function ask(scene: GatewayScene, path: string, fields: Record<string, string>, ...lines: string[]) {
    const all = { grant_type: 'client_credential', ...fields }
    if (path === '/cgi-bin/token')
      return JSON.parse((await scene.call(`${path}?${new URLSearchParams(all)}`, lines))?.body ?? '')
    const response = await fetch(`${scene.running.url}${path}`, { method: 'POST', body: JSON.stringify(all) })
    return JSON.parse(await response.text())
  }

  test.for(cases)('%s to a key with the scope %s as that says', async ([path, scope], { scene }) => {
    const { key } = clientWith(scope)
    const own = await ask(scene, path, { appid: shop.appID, secret: key })
    const real = scene.upstream.tokenOf(shop.appID)
    if (getsRealToken(scope)) expect(own).toMatchObject({ access_token: real })
    else if (getsHubToken(scope))
      expect(own).toMatchObject({ access_token: expect.stringMatching(/^wht_/), expires_in: 7200 })
    else expect(own).toMatchObject({ errcode: 48001 })
    expect(await ask(scene, path, { appid: blog.appID, secret: key })).toMatchObject({ errcode: 40013 })
    expect(await ask(scene, path, { appid: shop.appID, secret: `${key}x` })).toMatchObject({ errcode: 40125 })
    expect(await ask(scene, path, { appid: shop.appID }, `Authorization: Bearer ${key}`)).toMatchObject({
      errcode: 41004,
    })
    for (const secret of [real, own.access_token, shop.appSecret]) {
      if (secret === undefined) continue
      expect(await ask(scene, path, { appid: shop.appID, secret })).toMatchObject({ errcode: 40125 })
    }
    expect(scene.arrived()).toEqual([])
  })

  test.for([...tokenPaths, getticket])('%s of the hub itself, and never by WeChat', async (path, { scene }) => {
    for (const client of Object.values(clients)) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']) {
        for (const target of [
          path,
          `${path}?a=b`,
          `${path}/`,
          `${path}//`,
          `${path}.`,
          path.toUpperCase(),
          `/x/..${path}`,
        ]) {
          await scene.call(target, [bearer(client)], method)
          await scene.call(target, [bearer(client), 'Content-Length: 0'], method)
        }
      }
    }
    expect(scene.arrived()).toEqual([])
  })
})
