import { once } from 'node:events'
import { Agent, type ClientRequest, request } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { watchDeparture } from '../../src/wechat/departure.js'
import { StandIn } from '../support/stand-in.js'

const path = '/cgi-bin/user/info'

describe.each(['new', 'kept'])('a request by a %s connection', (connection) => {
  let wechat: StandIn
  let agent: Agent

  const begin = (): ClientRequest => request({ agent, path, port: wechat.port, host: '127.0.0.1' })

  beforeEach(async () => {
    wechat = await StandIn.start()
    agent = new Agent({ keepAlive: true })
    if (connection === 'new') return
    const outgoing = begin().end()
    const [response] = await once(outgoing, 'response')
    await once(response.resume(), 'close')
  })

  afterEach(async () => {
    agent.destroy()
    await wechat.close()
  })

  it('is told to have left when it is written, and not before', async () => {
    const told: string[] = []
    const outgoing = begin()
    const tell = (step: string) => {
      const way = outgoing.socket?.connecting === false ? 'connected' : 'unconnected'
      told.push(`${step}, ${way}, ${outgoing.writableFinished ? 'written' : 'unwritten'}`)
    }
    const deadline = { left: () => 1, leaving: () => tell('leaving'), departed: () => tell('departed') }
    watchDeparture(outgoing, deadline, () => tell('called off'))
    const [response] = await once(outgoing.end(), 'response')
    response.resume()
    expect(told).toEqual(['leaving, connected, unwritten', 'departed, connected, written'])
    expect(outgoing.reusedSocket).toBe(connection === 'kept')
  })

  it('that is called off does not leave, however long its end takes', async () => {
    const before = wechat.calls.length
    const reasons: unknown[] = []
    const tooLate = new Error('too late')
    const outgoing = begin()
    const leaving = () => {
      throw tooLate
    }
    watchDeparture(outgoing, { left: () => 1, leaving, departed: () => undefined }, (reason) => reasons.push(reason))
    await expect(once(outgoing.end(), 'response')).rejects.toThrow('socket hang up')
    expect(reasons).toEqual([tooLate])
    // What had left would be there before the next one.
    const [next] = await once(begin().end(), 'response')
    next.resume()
    expect(wechat.calls).toHaveLength(before + 1)
  })
})
