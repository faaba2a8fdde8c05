import { afterAll, beforeAll, expect, it } from 'vitest'
import { RedisText } from '../../src/stores/redis/text.js'
import { closeConnections, connectTo, freshPrefix } from '../support/redis-connections.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { describeStoredText } from './stored-text-contract.js'

describeWithRedis('texts in Redis', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await RedisServer.start()
  })

  afterAll(async () => {
    await closeConnections()
    await RedisServer.stopAll()
  })

  describeStoredText('Redis', async () => {
    const prefix = freshPrefix()
    const connections = await Promise.all([connectTo(server.url, prefix), connectTo(server.url, prefix)])
    let asked = 0
    return {
      text: () => {
        asked += 1
        const { connection } = connections[asked % 2 === 0 ? 0 : 1]
        return new RedisText(connection, 'clients')
      },
      aside: async (where) => String(await server.command('GET', where)).slice(36),
      discard: closeConnections,
    }
  })

  it('are of the hub, each of its name, and what is set aside ends by itself', async () => {
    const prefix = freshPrefix()
    const { connection } = await connectTo(server.url, prefix)
    const [clients, keys] = [new RedisText(connection, 'clients'), new RedisText(connection, 'hub-token-keys')]
    expect(clients.where).toBe(`${prefix}{hub}:text:clients in the Redis at 127.0.0.1:${server.port}`)
    await clients.write('one', undefined)
    expect(await keys.read()).toBeUndefined()
    expect(await server.command('PTTL', `${prefix}{hub}:text:clients`)).toBe(-1)
    const days = Number(await server.command('PTTL', await clients.setAside())) / 86_400_000
    expect(days).toBeGreaterThan(29)
    expect(days).toBeLessThanOrEqual(30)
    await keys.setAside()
    expect(await keys.read()).toBeUndefined()
  })
})
