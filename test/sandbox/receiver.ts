import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { readBody } from '../../src/sandbox/body.js'

/** A request as a callback saw it. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly contentType: string | undefined
  readonly body: string
  readonly response: ServerResponse
  /** Ends with the connection, whoever ended it. */
  readonly closed: Promise<void>
}

/** How a callback answers the request with that number, from 0 on. It may leave it without an answer. */
export type Answer = (received: Received, number: number) => void

export const success: Answer = ({ response }) => response.end('success')
export const silence: Answer = () => undefined

/** A callback of WeChat's, on a real socket. */
export class Receiver {
  readonly received: Received[] = []
  answer: Answer
  readonly #waiting = new Set<() => void>()
  readonly #server = createServer((request, response) => void this.#take(request, response))

  constructor(answer: Answer) {
    this.answer = answer
  }

  static async start(answer: Answer = success): Promise<Receiver> {
    const receiver = new Receiver(answer)
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('The receiver is closed')
    return address.port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/wx`
  }

  /** The request with that number, from 0 on, as soon as it is there. */
  async request(number: number): Promise<Received> {
    for (;;) {
      const received = this.received[number]
      if (received !== undefined) return received
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const closed = new Promise<void>((resolve) => request.socket.once('close', () => resolve()))
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const body = (await readBody(request)).toString()
    const { method = '', headers } = request
    const contentType = headers['content-type']
    const query = Object.fromEntries(searchParams)
    const received = { method, path: pathname, query, contentType, body, response, closed }
    this.received.push(received)
    this.answer(received, this.received.length - 1)
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}
