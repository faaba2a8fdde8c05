import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import Koa, { type Middleware } from 'koa'
import { afterEach, describe, expect, it } from 'vitest'
import { answer } from '../../src/http/answer.js'
import { createLog } from '../../src/ops/log.js'
import { requestLog } from '../../src/ops/request-log.js'
import { Secrets } from '../../src/wechat/secrets.js'
import { MovableClock } from '../support/movable-clock.js'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

async function serve(handle: Middleware, { proxy = false } = {}) {
  const clock = new MovableClock()
  const lines: Record<string, unknown>[] = []
  let told: () => void = () => undefined
  const destination = {
    write(line: string) {
      lines.push(JSON.parse(line))
      told()
    },
  }
  const log = createLog({ level: 'debug', secrets: new Secrets(), destination })
  const app = new Koa({ proxy })
  app.silent = true
  app.use(requestLog(log, clock))
  app.use(answer(() => undefined))
  app.use(handle)
  const server = app.listen(0, '127.0.0.1')
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const line = async () => {
    while (lines.length === 0) {
      await new Promise<void>((resolve) => {
        told = resolve
      })
    }
    return lines.shift()
  }
  const raw = (request: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.end(request.replaceAll('\n', '\r\n'), 'latin1')
    socket.resume()
    return socket
  }
  return { origin: `http://127.0.0.1:${port}`, clock, lines, line, raw }
}

describe('the line of a request', () => {
  it('tells id, method, path without its query, status, time, client, account and address', async () => {
    const { origin, clock, line } = await serve(async (ctx) => {
      ctx.state['client'] = { name: 'crm', secret: 'hunter2' }
      ctx.state['account'] = { name: 'shop', appSecret: 'hunter2' }
      await clock.advance(12.345)
      ctx.body = 'x'
    })
    const answer = await fetch(`${origin}/v1/shop/access-token?secret=hunter2`, { method: 'POST' })
    const written = await line()
    expect(written).toEqual({
      level: 'info',
      time: expect.any(String),
      name: 'wechat-hub',
      requestId: answer.headers.get('x-request-id'),
      method: 'POST',
      path: '/v1/shop/access-token',
      status: 200,
      ms: 12.3,
      client: 'crm',
      account: 'shop',
      remote: '127.0.0.1',
      msg: 'request',
    })
  })

  it('comes once, after the whole answer', async () => {
    let logged = -1
    const { origin, lines, line } = await serve((ctx) => {
      ctx.res.once('finish', () => {
        logged = lines.length
      })
      ctx.body = 'x'
    })
    await (await fetch(origin)).text()
    await line()
    expect(logged).toBe(0)
    await (await fetch(origin)).text()
    await line()
    expect(lines).toEqual([])
  })

  it.each([
    [200, '/a', 'info'],
    [404, '/a', 'info'],
    [499, '/a', 'info'],
    [500, '/a', 'error'],
    [503, '/a', 'error'],
    [200, '/healthz', 'debug'],
    [503, '/readyz', 'debug'],
    [200, '/metrics?x=1', 'debug'],
    [200, '/healthz/x', 'info'],
  ])('for status %i of %s has the level %s %s', async (status, path, level) => {
    const { origin, line } = await serve((ctx) => {
      ctx.status = status
    })
    await fetch(origin + path)
    expect(await line()).toMatchObject({ level, status })
  })

  it('tells the status of what is thrown', async () => {
    const { origin, line } = await serve(() => {
      throw new Error('broken')
    })
    await fetch(origin)
    expect(await line()).toMatchObject({ level: 'error', status: 500 })
  })

  it('says so if the client has gone before its answer', async () => {
    let begun: () => void = () => undefined
    const asked = new Promise<void>((resolve) => {
      begun = resolve
    })
    const { origin, line } = await serve((ctx) => {
      begun()
      return new Promise<void>((resolve) => ctx.res.once('close', resolve))
    })
    const gone = new AbortController()
    const call = fetch(`${origin}/slow`, { signal: gone.signal }).catch(() => 'aborted')
    await asked
    gone.abort()
    expect(await call).toBe('aborted')
    expect(await line()).toMatchObject({ path: '/slow', status: 499, aborted: true, level: 'info' })
  })

  it('cuts a long path', async () => {
    const { raw, line } = await serve((ctx) => {
      ctx.body = 'x'
    })
    raw(`GET /${'a'.repeat(1000)}?q HTTP/1.1\nHost: x\nConnection: close\n\n`)
    expect(await line()).toMatchObject({ path: `/${'a'.repeat(255)}` })
  })

  it('keeps control characters out, those of 8 bits too', async () => {
    const { raw, line } = await serve(
      (ctx) => {
        ctx.body = 'x'
      },
      { proxy: true },
    )
    raw(`GET / HTTP/1.1\nHost: x\nX-Forwarded-For: a\t\u009b31m\nConnection: close\n\n`)
    expect(await line()).toMatchObject({ remote: 'a%09%C2%9B31m' })
  })

  it('tells no password of an absolute target', async () => {
    const { raw, line } = await serve((ctx) => {
      ctx.body = 'x'
    })
    raw(`GET http://me:hunter2@x.example/a?b HTTP/1.1\nHost: x\nConnection: close\n\n`)
    expect(await line()).toMatchObject({ path: '/a' })
  })

  it("believes X-Forwarded-For only behind a proxy, and as little of it as one line's worth", async () => {
    const handle: Middleware = (ctx) => {
      ctx.body = 'x'
    }
    const headers = { 'x-forwarded-for': '203.0.113.7' }
    const open = await serve(handle)
    await fetch(open.origin, { headers })
    expect(await open.line()).toMatchObject({ remote: '127.0.0.1' })
    const behind = await serve(handle, { proxy: true })
    await fetch(behind.origin, { headers })
    expect(await behind.line()).toMatchObject({ remote: '203.0.113.7' })
    await fetch(behind.origin, { headers: { 'x-forwarded-for': 'z'.repeat(500) } })
    expect(await behind.line()).toMatchObject({ remote: 'z'.repeat(64) })
  })
})

describe('the id of a request', () => {
  const echo: Middleware = (ctx) => {
    ctx.body = ctx.state['requestId']
  }
  const fresh = /^[0-9a-f-]{36}$/

  it.each(['a', 'A1._-', 'x'.repeat(64)])("is the caller's own: %s", async (id) => {
    const { origin, line } = await serve(echo)
    const answer = await fetch(origin, { headers: { 'X-Request-Id': id } })
    expect([answer.headers.get('x-request-id'), await answer.text(), (await line())?.['requestId']]).toEqual([
      id,
      id,
      id,
    ])
  })

  it.each(['x'.repeat(65), 'a b', 'a,b', '{"a":1}'])('is a fresh one instead of %s', async (id) => {
    const { origin } = await serve(echo)
    const answer = await fetch(origin, { headers: { 'X-Request-Id': id } })
    expect(answer.headers.get('x-request-id')).toMatch(fresh)
  })

  it('is a fresh one for each request without one, or with two', async () => {
    const { origin, raw, line } = await serve(echo)
    const one = (await fetch(origin)).headers.get('x-request-id')
    const two = (await fetch(origin)).headers.get('x-request-id')
    expect(one).toMatch(fresh)
    expect(two).not.toBe(one)
    await line()
    await line()
    raw(`GET / HTTP/1.1\nHost: x\nX-Request-Id: a\nX-Request-Id: a\nConnection: close\n\n`)
    expect((await line())?.['requestId']).toMatch(fresh)
  })
})
