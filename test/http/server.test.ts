import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { expect, it } from 'vitest'
import { listen } from '../../src/http/server.js'

it('keeps idle connections longer than the load balancer before it, and lets go of them when it ends', async () => {
  const server = await listen((_request, response) => response.end('ok'), { port: 0, host: '127.0.0.1' })
  const agent = new Agent({ keepAlive: true })
  const [response] = (await once(get({ agent, port: server.port, host: '127.0.0.1' }), 'response')) as [IncomingMessage]
  expect(response.headers['keep-alive']).toBe('timeout=75')
  const { socket } = response
  await once(response.resume(), 'end')
  expect(socket.destroyed).toBe(false)
  const closed = once(socket, 'close')
  await server.drain()
  await closed
  agent.destroy()
})
