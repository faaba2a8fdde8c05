import { createServer, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer as createNetServer, type Server } from 'node:net'
import { blog, shop } from '../support/running-hub.js'

/** A request as it came over the wire. */
export interface Recorded {
  readonly method: string
  /** The request target, undecoded. */
  readonly target: string
  /** Names in lower case; each value of a repeated header on its own. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

export interface Answered {
  readonly status?: number
  readonly headers?: OutgoingHttpHeaders
  readonly body: string
}

/** WeChat's access_token of each account, while nothing else is said. */
export const realTokens: Readonly<Record<string, string>> = {
  [shop.appID]: `real-${'S'.repeat(60)}_shop`,
  [blog.appID]: `real-${'B'.repeat(60)}_blog`,
}

/** Stands for WeChat and writes down all that reaches it, but for the hub's own fetches of tokens and tickets, and its probes. */
export class RecordingUpstream {
  readonly seen: Recorded[] = []
  /** Every byte that came, on whatever connection. */
  wire = ''
  /** What WeChat answers. */
  answer: (request: Recorded) => Answered = () => ({ body: '{"errcode":0,"errmsg":"ok"}' })
  /** What the fetch of a token gives. */
  tokenOf: (appID: string) => string = (appID) => realTokens[appID] ?? 'none'

  readonly #server = createServer((request, response) => {
    read(request).then(
      (recorded) => {
        const { status = 200, headers = {}, body } = this.#answerOwn(recorded) ?? this.#record(recorded)
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
      },
      () => response.destroy(),
    )
  })

  private constructor() {
    // Behind the server's own listener: so it reads along, and keeps nothing from the parser.
    this.#server.on('connection', (socket) => {
      socket.on('data', (chunk: Buffer) => {
        this.wire += chunk.toString('latin1')
      })
    })
  }

  static async start(): Promise<RecordingUpstream> {
    const upstream = new RecordingUpstream()
    await listening(upstream.#server)
    return upstream
  }

  get host(): string {
    return `127.0.0.1:${portOf(this.#server)}`
  }

  get apiDomain(): string {
    return `http://${this.host}/`
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  #record(recorded: Recorded): Answered {
    this.seen.push(recorded)
    return this.answer(recorded)
  }

  /** Only the hub knows the AppSecret; what else it asks for itself no test asks it for. */
  #answerOwn({ target }: Recorded): Answered | undefined {
    if (target.startsWith('/cgi-bin/getcallbackip?access_token=')) return { body: '{"ip_list":[]}' }
    for (const { appID, appSecret } of [shop, blog]) {
      if (target === `/cgi-bin/token?grant_type=client_credential&appid=${appID}&secret=${appSecret}`) {
        return { body: JSON.stringify({ access_token: this.tokenOf(appID), expires_in: 7200 }) }
      }
      const query = new URLSearchParams({ access_token: this.tokenOf(appID), type: 'jsapi' })
      if (target === `/cgi-bin/ticket/getticket?${query}`) {
        return { body: JSON.stringify({ errcode: 0, errmsg: 'ok', ticket: `ticket-of-${appID}`, expires_in: 7200 }) }
      }
    }
    return undefined
  }
}

/** A server that nobody may connect to. */
export class ForbiddenServer {
  connections = 0
  readonly #server: Server = createNetServer((socket) => {
    this.connections += 1
    socket.destroy()
  })

  static async start(): Promise<ForbiddenServer> {
    const server = new ForbiddenServer()
    await listening(server.#server)
    return server
  }

  get host(): string {
    return `127.0.0.1:${portOf(this.#server)}`
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
    })
  }
}

async function read(request: IncomingMessage): Promise<Recorded> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const { method = '', url: target = '', rawHeaders } = request
  const headers = rawHeaders.flatMap((name, at) => {
    return at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? ''] as const] : []
  })
  return { method, target, headers, body: Buffer.concat(chunks).toString('latin1') }
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
}

function portOf(server: Server): number {
  // A server that listens on a port has an AddressInfo.
  return (server.address() as AddressInfo).port
}
