import { createServer, type Server, type Socket } from 'node:net'
import { describe, expect } from 'vitest'
import { turn } from '../support/movable-clock.js'
import { silence } from './receiver.js'
import { test } from './with-callback.js'
import { start } from './with-sandbox.js'

const cut = { outcome: 'cut', ms: 5000 }

describe('a push without an answer', () => {
  test('is cut after exactly 5 s and sent again, three times in all', async ({ scene }) => {
    const { sandbox, clock, callback } = scene
    callback.answer = silence
    const pushing = sandbox.push()
    for (const number of [0, 1, 2, 3]) {
      const { closed } = await callback.request(number)
      expect(callback.received).toHaveLength(number + 1)
      expect(clock.now()).toBe(start + number * 5000)
      await clock.advance(5000)
      await closed
    }
    const why = `No answer: ${Array(4).fill('no whole answer within 5 s').join(', then ')}`
    expect(await pushing).toEqual({ deliveries: [cut, cut, cut, cut], result: 'unavailable', why })
  })

  test.for([0, 1, 2])('is sent again %i times if so wished', async (retries, { scene }) => {
    const { sandbox, clock, callback } = scene
    callback.answer = silence
    const pushing = sandbox.push({ retries })
    for (let number = 0; number <= retries; number += 1) {
      await callback.request(number)
      await clock.advance(5000)
    }
    expect((await pushing).deliveries).toEqual(Array(retries + 1).fill(cut))
    expect(callback.received).toHaveLength(retries + 1)
  })

  test('is answered even in the last millisecond', async ({ scene }) => {
    const { sandbox, clock, callback } = scene
    callback.answer = silence
    const pushing = sandbox.push()
    const { response } = await callback.request(0)
    await clock.advance(4999)
    response.end('success')
    expect(await pushing).toMatchObject({ deliveries: [{ outcome: 'answered', ms: 4999 }], result: 'silent' })
  })

  test('is cut in the middle of an answer as well: it is due whole', async ({ scene }) => {
    const { sandbox, clock, callback } = scene
    callback.answer = ({ response }, number) => {
      if (number > 0) response.end('success')
      else response.writeHead(200, { 'content-length': 7 }).write('succ')
    }
    const pushing = sandbox.push()
    const { closed } = await callback.request(0)
    await clock.advance(5000)
    await closed
    expect(await pushing).toMatchObject({ deliveries: [cut, { outcome: 'answered', ms: 0 }], result: 'silent' })
  })

  test('does not notice that the sandbox was set forward', async ({ scene }) => {
    const { sandbox, clock, callback } = scene
    callback.answer = silence
    const pushing = sandbox.push({ retries: 0 })
    await callback.request(0)
    sandbox.clock.advance(3600)
    await clock.advance(5000)
    expect((await pushing).deliveries).toEqual([cut])
    const later = sandbox.push({ retries: 0 })
    expect((await callback.request(1)).query['timestamp']).toBe(String(start / 1000 + 3605))
    await clock.advance(5000)
    await later
  })

  test('ends its retries with any HTTP answer', async ({ scene }) => {
    const { sandbox, clock, callback } = scene
    callback.answer = ({ response }, number) => {
      if (number === 1) response.writeHead(500).end('sorry')
    }
    const pushing = sandbox.push()
    await callback.request(0)
    await clock.advance(5000)
    const answered = { outcome: 'answered', status: 500, ms: 0, body: 'sorry' }
    expect(await pushing).toMatchObject({ deliveries: [cut, answered], result: 'unavailable' })
    expect(callback.received).toHaveLength(2)
  })
})

describe('a callback that is not reached', () => {
  test.for([
    ['resets the connection', (socket: Socket) => socket.resetAndDestroy(), /ECONNRESET|UND_ERR_SOCKET/],
    ['hangs up', (socket: Socket) => socket.destroy(), /UND_ERR_SOCKET|ECONNRESET/],
    ['breaks off', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsucc'), /UND_ERR|HPE_/],
    ['speaks no HTTP', (socket: Socket) => socket.end('hello\r\n\r\n'), /HTTPParserError/],
  ] as const)('because it %s is asked again 1 s later', async ([, fail, reason], { scene }) => {
    const times: number[] = []
    const server = await listening((socket) => {
      times.push(scene.clock.now() - start)
      fail(socket)
    })
    const pushing = scene.sandbox.push({ url: urlOf(server) })
    for (const number of [0, 1, 2]) {
      expect(await scene.pause(number)).toBe(1000)
      await scene.clock.advance(1000)
    }
    const { deliveries, result, why } = await pushing
    server.close()
    expect(times).toEqual([0, 1000, 2000, 3000])
    expect(deliveries).toEqual(Array(4).fill({ outcome: 'unreachable', ms: 0 }))
    expect(result).toBe('unavailable')
    expect(why).toMatch(reason)
  })

  test('because nobody listens is found when somebody does', async ({ scene }) => {
    const server = await listening(() => undefined)
    const url = urlOf(server)
    await new Promise((resolve) => server.close(resolve))
    const pushing = scene.sandbox.push({ url })
    await scene.pause(0)
    await new Promise<void>((resolve) => server.listen(Number(new URL(url).port), '127.0.0.1', resolve))
    server.on('connection', (socket: Socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
    })
    await scene.clock.advance(1000)
    const { deliveries, result } = await pushing
    server.close()
    expect(deliveries).toEqual([
      { outcome: 'unreachable', ms: 0 },
      { outcome: 'answered', ms: 0, status: 200, body: '' },
    ])
    expect(result).toBe('silent')
  })

  test('is named by its fault', async ({ scene }) => {
    const server = await listening(() => undefined)
    const url = urlOf(server)
    await new Promise((resolve) => server.close(resolve))
    const { why } = await scene.sandbox.push({ url, retries: 0 })
    expect(why).toBe('No answer: ECONNREFUSED')
  })
})

describe('a prepared push', () => {
  test('is delivered as often as a test likes, at the same time, with one id', async ({ scene }) => {
    const { sandbox, callback } = scene
    callback.answer = (_received, number) => {
      if (number === 2)
        for (const [index, each] of callback.received.entries()) each.response.end(reply(each.body, index))
    }
    const push = sandbox.preparePush()
    const reports = await Promise.all([push.deliver(), push.deliver(), push.deliver()])
    expect(new Set(callback.received.map(({ body }) => body)).size).toBe(1)
    expect(reports.map(({ deliveries }) => deliveries.length)).toEqual([1, 1, 1])
    expect(reports.map((report) => report.reply?.['Content']).sort()).toEqual(['0', '1', '2'])
  })

  test('is delivered once by deliver(), whatever becomes of it, and sent with retries by send()', async ({ scene }) => {
    const { sandbox, clock, callback } = scene
    callback.answer = silence
    const push = sandbox.preparePush({ retries: 1 })
    const delivering = push.deliver()
    await callback.request(0)
    await clock.advance(5000)
    expect((await delivering).deliveries).toEqual([cut])
    const sending = push.send()
    for (const number of [1, 2]) {
      await callback.request(number)
      await clock.advance(5000)
    }
    expect((await sending).deliveries).toEqual([cut, cut])
    expect(new Set(callback.received.map(({ body }) => body)).size).toBe(1)
  })

  test('is sent nowhere before', async ({ scene }) => {
    scene.sandbox.preparePush()
    await scene.sandbox.push({ message: { Content: 'only this' } })
    expect(scene.callback.received.map(({ body }) => body)).toEqual([expect.stringContaining('only this')])
  })
})

describe('close()', () => {
  test('ends a push that waits for its answer', async ({ scene }) => {
    const { sandbox, callback } = scene
    callback.answer = silence
    const pushing = sandbox.push()
    const { closed } = await callback.request(0)
    await sandbox.close()
    await closed
    const why = 'No answer: the sandbox was closed'
    expect(await pushing).toEqual({ deliveries: [{ outcome: 'cut', ms: 0 }], result: 'unavailable', why })
    expect(callback.received).toHaveLength(1)
  })

  test('ends a push in the pause before its retry', async ({ scene }) => {
    const server = await listening((socket) => socket.destroy())
    const pushing = scene.sandbox.push({ url: urlOf(server) })
    await scene.pause(0)
    await scene.sandbox.close()
    expect((await pushing).deliveries).toEqual([{ outcome: 'unreachable', ms: 0 }])
    server.close()
  })

  test('hangs up connections that are kept alive, which pushes share', async ({ scene }) => {
    const { sandbox, callback } = scene
    await sandbox.push()
    await turn()
    await sandbox.push()
    const [first, second] = callback.received
    expect(first?.response.req.socket === second?.response.req.socket).toBe(true)
    await sandbox.close()
    await first?.closed
  })

  test('lets pushes be sent again', async ({ scene }) => {
    const { sandbox } = scene
    await sandbox.push()
    await sandbox.close()
    expect(await sandbox.push()).toMatchObject({ result: 'silent' })
  })

  test('finds no timer of an answered push, and leaves none of another', async ({ scene }) => {
    const { sandbox, callback, timers } = scene
    await sandbox.push()
    expect(timers.size).toBe(0)
    callback.answer = silence
    const pushing = sandbox.push()
    await callback.request(1)
    expect(timers.size).toBe(1)
    await sandbox.close()
    await pushing
    expect(timers.size).toBe(0)
  })
})

function reply(push: string, number: number): string {
  const from = /<FromUserName>(.*)<\/FromUserName>/.exec(push)?.[1]
  return `<xml><ToUserName>${from}</ToUserName><FromUserName>gh</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>${number}</Content></xml>`
}

function listening(taken: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => taken(socket))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function urlOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Nobody listens')
  return `http://127.0.0.1:${address.port}/`
}
