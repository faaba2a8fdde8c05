import { createServer, type IncomingMessage } from 'node:http'
import { readBody } from '../../src/sandbox/body.js'

/** A request as an upstream saw it. */
export interface SeenRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An upstream whose JSON answers the test makes up, for what no WeChat would do. */
export class Upstream {
  readonly seen: SeenRequest[] = []
  readonly #answer: (request: SeenRequest, count: number) => object
  readonly #server = createServer((request, response) => {
    this.#take(request).then(
      (answer) => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)),
      () => response.destroy(),
    )
  })

  private constructor(answer: (request: SeenRequest, count: number) => object) {
    this.#answer = answer
  }

  /** `answer` is told how many requests there were before. */
  static async start(answer: (request: SeenRequest, count: number) => object): Promise<Upstream> {
    const upstream = new Upstream(answer)
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve))
    return upstream
  }

  get apiDomain(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('The upstream is closed')
    return `http://127.0.0.1:${address.port}/`
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #take(request: IncomingMessage): Promise<object> {
    const { method = '', url = '/', headers } = request
    const seen = { method, url: new URL(url, 'http://localhost'), headers, body: (await readBody(request)).toString() }
    this.seen.push(seen)
    return this.#answer(seen, this.seen.length - 1)
  }
}
