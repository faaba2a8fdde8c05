import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import Koa from 'koa'
import Router from 'koa-router'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Clients } from '../../src/access/client.js'
import { guard } from '../../src/access/guard.js'
import { hashKey } from '../../src/access/key.js'
import { HttpError } from '../../src/http/error.js'
import type { Scope, Who } from '../../src/http/route.js'

const shop = { name: 'shop', appID: 'wx0123456789abcdef' }
const blog = { name: 'blog', appID: 'wxfedcba9876543210' }

const client = (key: string, accounts: string[], scopes: Scope[]) => ({ keyHash: [hashKey(key)], accounts, scopes })
const longKey = 'k'.repeat(512 - 'Bearer '.length)

const clients = new Clients({
  configured: {
    crm: client('crm-key', ['shop'], ['token']),
    all: client('all-key', ['*'], ['token']),
    boss: client('boss-key', ['shop'], ['admin']),
    prometheus: client('metrics-key', [], ['metrics']),
    long: client(longKey, ['*'], ['token']),
    longer: client(`${longKey}k`, ['*'], ['token']),
  },
  key: 'the-hub-key',
})
const findAccount = (name: string) => [shop, blog].find((account) => account.name === name || account.appID === name)

const app = new Koa()
let origin: string
let port: number
let server: Server

beforeAll(async () => {
  app.use(async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      if (!(error instanceof HttpError)) throw error
      ctx.status = error.status
      ctx.set({ ...error.headers })
      ctx.body = { errcode: error.errcode, errmsg: error.message, hint: error.hint }
    }
  })
  const router = new Router()
  const add = (path: string, who: Who) =>
    router.get(path, guard(who, { clients, findAccount }), (ctx) => {
      ctx.body = { client: ctx.state['client']?.name, account: ctx.state['account']?.name }
    })
  add('/open', 'anyone')
  add('/wx/:account', 'wechat')
  add('/metrics', { scope: 'metrics' })
  for (const scope of ['token', 'ticket', 'jssdk', 'session', 'metrics', 'admin'] as const)
    add(`/v1/:account/${scope}`, { scope })
  app.use(router.routes())
  server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  origin = `http://127.0.0.1:${port}`
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const get = (path: string, authorization?: string) =>
  fetch(origin + path, authorization === undefined ? {} : { headers: { authorization } })

describe('a route for anyone or for WeChat', () => {
  it.each(['/open', '/wx/shop', '/wx/nobody'])('asks for no key: %s', async (path) => {
    expect(await (await get(path)).json()).toEqual({})
    expect((await get(path, 'Bearer wrong')).status).toBe(200)
  })
})

describe('a route with a scope', () => {
  it.each(['Bearer crm-key', 'bearer crm-key', 'BEARER   crm-key'])('lets the key in: %s', async (header) => {
    const answer = await get('/v1/shop/token', header)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ client: 'crm', account: 'shop' })
  })

  it('finds the account by its appID too, and rights count for the same account', async () => {
    expect(await (await get(`/v1/${shop.appID}/token`, 'Bearer crm-key')).json()).toEqual({
      client: 'crm',
      account: 'shop',
    })
    expect((await get(`/v1/${blog.appID}/token`, 'Bearer crm-key')).status).toBe(403)
  })

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer wrong',
    'Bearer crm-key2',
    'Bearer crm-ke',
    'Bearer crm-key crm-key',
    'Bearer crm-key, Bearer crm-key',
    'Bearercrm-key',
    'Basic crm-key',
    'crm-key',
    'Token crm-key',
    `Bearer ${hashKey('crm-key')}`,
    `Bearer whk_${'a'.repeat(49)}`,
    `Bearer ${'x'.repeat(2000)}`,
  ])('answers 401 and says how: %s', async (header) => {
    const answer = await get('/v1/shop/token', header)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="wechat-hub"')
    expect(await answer.json()).toMatchObject({ errcode: -401 })
  })

  it('takes a header of 512 characters, and none longer', async () => {
    expect((await get('/v1/shop/token', `Bearer ${longKey}`)).status).toBe(200)
    expect((await get('/v1/shop/token', `Bearer ${longKey}k`)).status).toBe(401)
  })

  it.each([
    ['the same twice', 'Authorization: Bearer crm-key\r\nAuthorization: Bearer crm-key\r\n'],
    ['a right and a wrong one', 'Authorization: Bearer crm-key\r\nauthorization: Bearer wrong\r\n'],
    ['a wrong and a right one', 'Authorization: Bearer wrong\r\nAUTHORIZATION: Bearer crm-key\r\n'],
  ])('answers 401 to two headers: %s', async (_name, headers) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET /v1/shop/token HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n\r\n`)
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('reads no key from elsewhere', async () => {
    expect((await get('/v1/shop/token?access_token=crm-key&secret=crm-key')).status).toBe(401)
    const answer = await fetch(`${origin}/v1/shop/token`, {
      headers: { cookie: 'authorization=crm-key', 'x-api-key': 'crm-key' },
    })
    expect(answer.status).toBe(401)
  })

  it('answers by scope and account', async () => {
    const routes = ['token', 'ticket', 'jssdk', 'session', 'metrics', 'admin']
    const rights: Record<string, (scope: string, account: string) => boolean> = {
      'crm-key': (scope, account) => scope === 'token' && account === 'shop',
      'all-key': (scope) => scope === 'token',
      'boss-key': (_scope, account) => account === 'shop',
      'metrics-key': () => false,
      'the-hub-key': () => true,
    }
    for (const [key, may] of Object.entries(rights)) {
      for (const scope of routes) {
        for (const account of ['shop', 'blog']) {
          const answer = await get(`/v1/${account}/${scope}`, `Bearer ${key}`)
          expect(answer.status, `${key} ${scope} ${account}`).toBe(may(scope, account) ? 200 : 403)
        }
      }
    }
  })

  it('needs no account where the path has none', async () => {
    expect(await (await get('/metrics', 'Bearer metrics-key')).json()).toEqual({ client: 'prometheus' })
    expect((await get('/metrics', 'Bearer crm-key')).status).toBe(403)
  })

  it('tells of an unknown account only those who may use all; to others it is as the accounts of others', async () => {
    expect((await get('/v1/nobody/token', 'Bearer all-key')).status).toBe(404)
    expect((await get('/v1/nobody/token')).status).toBe(401)
    expect((await get('/v1/nobody/ticket', 'Bearer all-key')).status).toBe(403)
    for (const key of ['crm-key', 'boss-key']) {
      const unknown = await get('/v1/nobody/token', `Bearer ${key}`)
      const other = await get('/v1/blog/token', `Bearer ${key}`)
      expect([unknown.status, await unknown.json()]).toEqual([other.status, await other.json()])
      expect(unknown.status).toBe(403)
    }
  })
})
