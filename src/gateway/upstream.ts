import type { Socket } from 'node:net'
import type { buildConnector, Client, Dispatcher, Pool } from 'undici'
import { resetCode, takingEnds } from './connection-end.js'

/** Calls under way at one time; more wait. Each takes two of the file descriptors that a process has, often 4,096 or more. */
const mostConnections = 1024
/** Until a connection is there, in ms. */
const connectPatience = 5_000

/** Loaded with the first call: a hub whose gateway nobody uses starts sooner and needs 8 MB less without it. */
const loadUndici = () => import('undici')

export interface UpstreamOptions {
  /** WeChat may take so long until its answer begins, and between two pieces of it, in ms. Default 60,000. */
  readonly patience?: number | undefined
}

/** A call as it goes to WeChat. `body` is sent as it is; a stream of known length has a `content-length` in `headers`. */
export interface UpstreamCall {
  readonly method: Dispatcher.HttpMethod
  readonly path: string
  readonly query: string
  readonly headers: string[]
  readonly body: Dispatcher.DispatchOptions['body']
}

/** The one place that the gateway talks to (P10): the origin of WeChat's API, by connections that are kept. */
export class Upstream {
  readonly #origin: string
  readonly #patience: number
  /** Errors of connections on which an answer had come before. */
  readonly #ofKept = new WeakSet<Error>()
  readonly #fresh = new Set<Client>()
  #undici: typeof import('undici') | undefined
  #pool: Pool | undefined
  #closed = false

  constructor(apiDomain: string, { patience = 60_000 }: UpstreamOptions = {}) {
    this.#origin = new URL(apiDomain).origin
    this.#patience = patience
  }

  /** Whether calls can be sent. */
  get isOpen(): boolean {
    return this.#pool !== undefined
  }

  /** Resolves when calls can be sent. */
  async open(): Promise<void> {
    if (this.#pool !== undefined || this.#closed) return
    this.#undici = await loadUndici()
    this.#pool ??= new this.#undici.Pool(this.#origin, this.#settings(this.#undici))
  }

  /** @throws {Error} if the call would go anywhere else than its path says, and after `close`. */
  send(call: UpstreamCall, handler: Dispatcher.DispatchHandler): void {
    this.#dispatch(this.#pool, call, handler)
  }

  /** As `send`, on a connection of its own. */
  sendFresh(call: UpstreamCall, handler: Dispatcher.DispatchHandler): void {
    if (this.#undici === undefined) throw closed()
    const client = new this.#undici.Client(this.#origin, this.#settings(this.#undici))
    this.#fresh.add(client)
    this.#dispatch(client, call, handler)
    void client.close().finally(() => this.#fresh.delete(client))
  }

  /** Whether a kept connection broke: WeChat may have closed it before the call came. */
  isOfKept(error: Error): boolean {
    return this.#ofKept.has(error)
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([this.#pool, ...this.#fresh].map((dispatcher) => dispatcher?.destroy()))
  }

  #dispatch(
    dispatcher: Dispatcher | undefined,
    { method, path, query, headers, body }: UpstreamCall,
    handler: Dispatcher.DispatchHandler,
  ): void {
    const url = new URL(path, this.#origin)
    if (url.origin !== this.#origin || url.pathname !== path) throw new Error('the path leads elsewhere')
    if (dispatcher === undefined || this.#closed) throw closed()
    dispatcher.dispatch({ method, path: `${path}?${query}`, headers, body: body ?? null }, handler)
  }

  #settings(undici: typeof import('undici')) {
    const connect = undici.buildConnector({ timeout: connectPatience })
    return {
      pipelining: 1,
      connections: mostConnections,
      headersTimeout: this.#patience,
      bodyTimeout: this.#patience,
      connect: (options: buildConnector.Options, done: buildConnector.Callback) =>
        connect(options, (...result) => {
          const [error, socket] = result
          if (error !== null) return done(error, null)
          socket.on('error', (error) => this.#noteError(error, socket))
          takingEnds(socket, () => done(...result))
        }),
    }
  }

  #noteError(error: NodeJS.ErrnoException, socket: Socket): void {
    if (socket.bytesRead > 0) this.#ofKept.add(error)
    if (error.code === 'ECONNRESET') error.code = resetCode
  }
}

function closed(): Error {
  return new Error('the gateway is closed')
}
