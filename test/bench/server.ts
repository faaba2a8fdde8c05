import { get } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { Child, type Program } from './child.js'
import { within } from './within.js'

/** A program that listens on the port in `PORT`. */
export interface ServerProgram extends Program {
  /** A path that it answers with 200 as soon as it serves. */
  readonly path: string
}

const longestStart = 20_000
const pollEvery = 5

/** A server in a process of its own. */
export class Server {
  readonly child: Child
  readonly url: string
  readonly port: number
  /** From the start of the process to the first answer. */
  readonly startMs: number

  private constructor(child: Child, port: number, startMs: number) {
    this.child = child
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.startMs = startMs
  }

  static async start(program: ServerProgram): Promise<Server> {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const began = performance.now()
    const child = new Child({ ...program, env: { ...program.env, PORT: String(port) } })
    try {
      await within(longestStart, 'a start', child.orEnd(firstAnswer(`${url}${program.path}`)))
    } catch (error) {
      await child.stop()
      throw error
    }
    return new Server(child, port, performance.now() - began)
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, resolve))
  // It listens on a port, not on a Unix socket.
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function firstAnswer(url: string): Promise<void> {
  const giveUpAt = performance.now() + longestStart
  while (performance.now() < giveUpAt && !(await answers(url))) await wait(pollEvery)
}

function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 1000 }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode === 200))
    })
    request.once('timeout', () => request.destroy())
    request.once('error', () => resolve(false))
  })
}
