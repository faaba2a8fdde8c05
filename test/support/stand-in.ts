import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** A call as the stand-in saw it. */
export interface SeenCall {
  readonly method: string
  readonly path: string
  readonly token: string
  readonly headers: IncomingMessage['headers']
}

/** A body that has been read. */
export interface ReadBody {
  readonly bytes: number
  readonly sha256: string
}

/**
 * A server that stands for WeChat and answers calls as the test says, byte by byte if need be. It gives tokens (`token-1`,
 * `token-2` …), of which only the last one lives, and says so when it is asked whether one does.
 */
export class StandIn {
  readonly calls: SeenCall[] = []
  readonly sockets = new Set<Socket>()
  /** How often a token was asked for. */
  fetches = 0
  /** Answers all calls but those for tokens. */
  answer: RequestListener = (_request, response) => json(response, { errcode: 0, errmsg: 'ok' })
  /** Gives a token. */
  answerToken = (response: ServerResponse): void => {
    this.tokenDead = false
    json(response, { access_token: `token-${this.fetches}`, expires_in: 7200 })
  }
  /** Whether the present token is dead. */
  tokenDead = false
  readonly #server = createServer({ keepAliveTimeout: 3_000, requestTimeout: 0 }, (request, response) =>
    this.#take(request, response),
  )

  private constructor() {
    this.#server.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket)).on('error', () => undefined)
    })
  }

  static async start(): Promise<StandIn> {
    const standIn = new StandIn()
    standIn.#server.listen(0, '127.0.0.1')
    await once(standIn.#server, 'listening')
    return standIn
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the stand-in is closed')
    return address.port
  }

  get apiDomain(): string {
    return `http://127.0.0.1:${this.port}/`
  }

  /** The calls of one path. */
  callsOf(path: string): SeenCall[] {
    return this.calls.filter((call) => call.path === path)
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => undefined)
    request.on('error', () => undefined)
    const url = new URL(request.url ?? '/', 'http://localhost')
    const token = url.searchParams.get('access_token') ?? ''
    if (url.pathname === '/cgi-bin/token') this.#giveToken(response)
    else if (url.pathname === '/cgi-bin/getcallbackip') {
      json(response, this.isDead(token) ? refusal() : { ip_list: [] })
    } else {
      this.calls.push({ method: request.method ?? '', path: url.pathname, token, headers: request.headers })
      this.answer(request, response)
    }
  }

  isDead(token: string): boolean {
    return this.tokenDead || token !== `token-${this.fetches}`
  }

  #giveToken(response: ServerResponse): void {
    this.fetches += 1
    this.answerToken(response)
  }
}

/** What WeChat says of a dead token. */
export function refusal(errcode = 40001): object {
  return { errcode, errmsg: `invalid credential, access_token is invalid or not latest rid: 1-2-${errcode}` }
}

export function json(response: ServerResponse, body: object): void {
  response.setHeader('content-type', 'application/json; encoding=utf-8').end(JSON.stringify(body))
}

/** Reads a request's body to its end. */
export async function readAll(source: AsyncIterable<Buffer>): Promise<ReadBody> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of source) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: hash.digest('hex') }
}
