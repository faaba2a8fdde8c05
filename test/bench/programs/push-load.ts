import { setTimeout as wait } from 'node:timers/promises'
import type { Mode } from '../../../src/wechat/push.js'
import { Connection, type HttpAnswer } from './connection.js'
import { preparePush, requestOf } from './prepared-push.js'
import { stayAwake } from './stay-awake.js'

/**
 * What to do:
 * - `prepare` so many new pushes, for what follows; answers how many there are;
 * - `saturate` a server with them, over so many connections; answers how many were replied to;
 * - `pace` them, so many a second, whether or not the ones before are answered; answers how long each took, in ms.
 */
export type PushLoad =
  | { readonly do: 'prepare'; readonly mode: Mode; readonly count: number }
  | { readonly do: 'saturate'; readonly port: number; readonly connections: number }
  | { readonly do: 'pace'; readonly port: number; readonly rate: number }

let prepared: readonly Buffer[] = []

process.on('message', (load: PushLoad) => void run(load).then((answer) => process.send?.(answer)))
process.on('disconnect', () => process.exit())

function run(load: PushLoad): Promise<number | number[]> {
  if (load.do === 'pace') return pace(load)
  return load.do === 'saturate' ? saturate(load) : prepare(load)
}

async function prepare({ mode, count }: PushLoad & { do: 'prepare' }): Promise<number> {
  prepared = Array.from({ length: count }, () => requestOf(preparePush(mode)))
  return prepared.length
}

async function saturate({ port, connections }: PushLoad & { do: 'saturate' }): Promise<number> {
  const left = prepared.values()
  let replied = 0
  const rest = stayAwake()
  const sendAll = async () => {
    const connection = await Connection.open(port)
    for (const request of left) {
      check(await connection.send(request))
      replied += 1
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: connections }, sendAll))
  rest()
  return replied
}

async function pace({ port, rate }: PushLoad & { do: 'pace' }): Promise<number[]> {
  const idle: Connection[] = []
  const timed = async (request: Buffer) => {
    const began = performance.now()
    const connection = idle.pop() ?? (await Connection.open(port))
    check(await connection.send(request))
    const took = performance.now() - began
    idle.push(connection)
    return took
  }
  const began = performance.now()
  const sent: Promise<number>[] = []
  for (const [n, request] of prepared.entries()) {
    const early = began + (n / rate) * 1000 - performance.now()
    if (early > 0) await wait(early)
    sent.push(timed(request))
  }
  const took = await Promise.all(sent)
  for (const connection of idle) connection.close()
  return took
}

/** A server that refuses, or has no reply, would be faster than what users have. */
function check({ status, body }: HttpAnswer): void {
  if (status !== 200 || !(body.includes('MsgType') || body.includes('Encrypt'))) {
    throw new Error(`a push was not replied to: ${status} ${body.slice(0, 200)}`)
  }
}
