import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RunningHub } from '../support/running-hub.js'

let running: RunningHub

beforeAll(async () => {
  running = await RunningHub.start()
})

afterAll(() => running.close())

describe('every answer', () => {
  it.each([
    '/healthz',
    '/readyz',
    '/wx',
    '/v1/shop/access-token',
    '/v1/shop/ticket?type=jsapi',
    '/metrics',
    '/nowhere',
  ])('of %s forbids caching and sniffing, and names the request', async (path) => {
    const { headers } = await running.request(path, { headers: { 'x-request-id': 'my-id.1' } })
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-request-id')).toBe('my-id.1')
  })
})

describe('what is not there', () => {
  it('is 404 for a path, 405 for a method', async () => {
    const nowhere = await running.request('/nowhere')
    expect([nowhere.status, await nowhere.json()]).toMatchObject([
      404,
      { errcode: -404, requestId: expect.any(String) },
    ])
    const method = await running.request('/healthz', { method: 'DELETE' })
    expect([method.status, await method.json()]).toMatchObject([405, { errcode: -405 }])
    expect(method.headers.get('allow')).toContain('GET')
  })

  it.each([
    '/v1/%E0%A4%A/access-token',
    '/v1/%00/access-token',
    '/%2e%2e/etc/passwd',
    '//healthz',
    '/v1/shop/access-token/',
  ])('is 4xx, never 5xx: %s', async (path) => {
    const status = await rawStatus(
      `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer the-key-of-the-tests-0001\r\n`,
    )
    expect(status).toBeGreaterThanOrEqual(200)
    expect(status).toBeLessThan(500)
  })

  it.each([
    ['a line that is no HTTP', 'hello\r\n'],
    ['headers of 20 KB', `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(20_000)}\r\n`],
    ['two lengths', 'POST /wx HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n'],
    ['a length and chunks', 'POST /wx HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n'],
  ])('is 4xx: %s', async (_what, head) => {
    const status = await rawStatus(head)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
  })
})

/** The status that the hub answers to a request sent as these bytes. */
function rawStatus(head: string): Promise<number> {
  const { hostname, port } = new URL(running.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(`${head}Connection: close\r\n\r\n`))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])))
    socket.on('error', reject)
  })
}
