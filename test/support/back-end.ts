import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { until } from './until.js'

/** A request that a back end was sent. */
export interface Asked {
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** What a back end does with a request: the text of its answer, or whatever it likes with the response. */
export type Answering = (asked: Asked, response: ServerResponse) => string | undefined | Promise<string | undefined>

/** A back end of a test: a real HTTP server on this machine. */
export class BackEndServer {
  /** All that it was sent, as it came. */
  readonly asked: Asked[] = []
  answer: Answering
  readonly #server: Server

  private constructor(answer: Answering, server: Server) {
    this.answer = answer
    this.#server = server
  }

  static async start(answer: Answering = () => ''): Promise<BackEndServer> {
    const server = createServer()
    // Connections that nobody uses stay, so that whoever leaves them open is seen.
    server.keepAliveTimeout = 600_000
    const backEnd = new BackEndServer(answer, server)
    server.on('request', (request, response) => void backEnd.#serve(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return backEnd
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** Resolves when it was asked so often in all. */
  async askedTimes(times: number): Promise<void> {
    await until(() => this.asked.length >= times)
  }

  /** How many connections to it there are. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
    })
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://back.end')
    const body = Buffer.concat(chunks).toString()
    const asked = { path: pathname, query: searchParams, headers: request.headers, body }
    this.asked.push(asked)
    const text = await this.answer(asked, response)
    if (text === undefined || response.writableEnded) return
    if (!response.hasHeader('content-type')) response.setHeader('content-type', 'text/plain')
    response.end(text)
  }
}

/** An answer in JSON. */
export function json(value: unknown): Answering {
  return (_asked, response) => {
    response.setHeader('content-type', 'application/json')
    return JSON.stringify(value)
  }
}
