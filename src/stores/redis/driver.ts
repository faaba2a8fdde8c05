import { Refusal, TooMuchWaiting } from './failure.js'
import type { RedisNode } from './url.js'

/** The first pause before a lost server is looked for again, and the longest, in ms: so hubs are back within a second. */
const firstPause = 50
const longestPause = 500
/** In ms: a connection that is not made by then is tried anew. */
const connectTimeout = 2_000
/** In ms: a connection on which nothing came or went for so long, though it is asked more often, is given up. */
const longestSilence = 4_000
const pingGap = 1_000
/** How many commands, and how many bytes of them, may wait for a server: more are refused. */
const mostWaiting = 10_000
const mostBytesWaiting = 64 * 1024 * 1024

export type Argument = string | Buffer

/** A way to Redis, be it one server, the master that sentinels name or a cluster. */
export interface Driver {
  /** `key`: of the command, or any of the same hash slot. Rejects at once while there is no connection. */
  send(key: string, args: readonly Argument[]): Promise<unknown>
  /** Resolves when it hears. Goes on after a connection was lost; what was published meanwhile is not heard. */
  subscribe(channel: string, heard: (message: string) => void): Promise<void>
  /** Ends at once what waits. */
  close(): void
}

/** How to connect to a server. */
export interface LinkOptions {
  readonly node: RedisNode
  readonly tls: boolean
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Default 0. */
  readonly database?: number | undefined
}

/** Connects to a server, from now on. */
export type Dial = (options: LinkOptions) => Link

type Library = typeof import('@redis/client')

/** The library is loaded only where Redis is used. */
export async function loadDial(): Promise<Dial> {
  const library = await import('@redis/client')
  return (options) => new Link(library, options)
}

function clientOf(library: Library, { node, tls, username, password, database = 0 }: LinkOptions) {
  return library.createClient({
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...{ database, RESP: 2, pingInterval: pingGap, disableOfflineQueue: true, disableClientInfo: true },
    socket: {
      ...{ ...node, connectTimeout, socketTimeout: longestSilence, reconnectStrategy: pause },
      ...(tls ? { tls: true } : {}),
    },
  })
}

/** Not all at once when many lost theirs at once. */
function pause(retries: number): number {
  return Math.min(longestPause, firstPause * 2 ** Math.min(retries, 8)) * (0.5 + Math.random() / 2)
}

/** A connection to one server, which is made anew whenever it is lost. */
export class Link {
  readonly node: RedisNode
  readonly #library: Library
  readonly #client: ReturnType<typeof clientOf>
  readonly #password: string | undefined
  /** Who wants to know whether it is connected or failed. */
  readonly #watchers = new Set<() => void>()
  #failure: Error | undefined
  #waiting = 0
  #bytesWaiting = 0
  #closed = false

  constructor(library: Library, options: LinkOptions) {
    this.node = options.node
    this.#library = library
    this.#password = options.password
    this.#client = clientOf(library, options)
    // The client forgets to end a connection that comes about while it is told to end.
    this.#client.on('connect', () => this.#closed && this.#client.destroy())
    this.#client.on('ready', () => this.#turned(undefined))
    this.#client.on('error', (error: unknown) => this.#turned(this.#ours(error)))
    this.#client.connect().catch((error: unknown) => this.#turned(this.#ours(error)))
  }

  get isReady(): boolean {
    return this.#client.isReady
  }

  /** Why there is no connection, as far as is known. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /**
   * Resolves with the first connection.
   *
   * @throws {Error} why there is none: at once when the server lets nobody in, else after `patience` ms.
   */
  connected(patience: number): Promise<void> {
    return this.#until(patience, () => this.#failure instanceof Refusal && !this.#failure.isPassing)
  }

  /** Resolves when it is known whether the server can be reached: at once but for a new link. */
  async #settled(): Promise<void> {
    if (this.isReady || this.#failure !== undefined) return
    await this.#until(connectTimeout, () => this.#failure !== undefined).catch(() => undefined)
  }

  /** Rejects at once while there is no connection. */
  async send(args: readonly Argument[]): Promise<unknown> {
    await this.#settled()
    return this.#sent(args, (all) => this.#client.sendCommand(all))
  }

  /** Of two commands that belong together; the answer is that of the second one. */
  async sendAfter(first: readonly Argument[], args: readonly Argument[]): Promise<unknown> {
    await this.#settled()
    const before = this.#sent(first, (all) => this.#client.sendCommand(all))
    const [, answer] = await Promise.all([before, this.#sent(args, (all) => this.#client.sendCommand(all))])
    return answer
  }

  /** A link that hears takes no other commands. */
  async subscribe(channel: string, heard: (message: string) => void): Promise<void> {
    try {
      await this.#client.subscribe(channel, heard)
    } catch (error) {
      throw this.#ours(error)
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#client.destroy()
    this.#turned(new Error('the connection has been closed'))
  }

  async #sent(args: readonly Argument[], send: (args: Argument[]) => Promise<unknown>): Promise<unknown> {
    const bytes = args.reduce((sum, arg) => sum + arg.length, 0)
    const isFull = this.#waiting >= mostWaiting || this.#bytesWaiting + bytes > mostBytesWaiting
    if (this.#waiting > 0 && isFull) throw new TooMuchWaiting()
    this.#waiting += 1
    this.#bytesWaiting += bytes
    try {
      return await send([...args])
    } catch (error) {
      throw this.#ours(error)
    } finally {
      this.#waiting -= 1
      this.#bytesWaiting -= bytes
    }
  }

  #until(patience: number, gaveUp: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer)
        this.#watchers.delete(check)
        settle()
      }
      const fail = () => reject(this.#failure ?? new Error(`no connection within ${patience / 1000} s`))
      const timer = setTimeout(() => end(fail), patience)
      const check = () => {
        if (this.isReady) end(resolve)
        else if (this.#closed || gaveUp()) end(fail)
      }
      this.#watchers.add(check)
      check()
    })
  }

  #turned(failure: Error | undefined): void {
    this.#failure = failure
    for (const watcher of this.#watchers) watcher()
  }

  /** Without the password, which some servers repeat when they do not understand it. */
  #ours(error: unknown): Error {
    const { ErrorReply, SocketTimeoutError } = this.#library
    if (error instanceof SocketTimeoutError) return new Error('it takes connections but does not answer')
    if (!(error instanceof ErrorReply)) return error instanceof Error ? error : new Error(String(error))
    const { message } = error
    return new Refusal(this.#password === undefined ? message : message.replaceAll(this.#password, '***'))
  }
}
