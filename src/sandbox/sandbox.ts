import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type Koa from 'koa'
import { Accounts, type SandboxAccount } from './accounts.js'
import { type After, afterReally } from './after.js'
import { createApp } from './app.js'
import { SandboxClock } from './clock.js'
import { Codes } from './codes.js'
import { Faults } from './faults.js'
import { Media } from './media.js'
import { Messages } from './messages.js'
import type { LogLine } from './observe.js'
import type { HandshakeReport } from './push/handshake.js'
import type { HandshakeOrder, PushOrder } from './push/orders.js'
import type { Push, PushReport } from './push/push.js'
import { Pushes } from './push/pushes.js'
import { Quotas } from './quotas.js'
import { Requests } from './requests.js'
import { loadState, saveState } from './state-file.js'
import { Tickets } from './tickets.js'
import { Tokens } from './tokens.js'
import type { World } from './world.js'

export type { SandboxAccount } from './accounts.js'
export { sandboxAccount } from './built-in-account.js'
export type { Fault, FaultKind } from './faults.js'
export type { LogLine } from './observe.js'
export type { Fields, Value } from './push/fields.js'
export type { HandshakeReport } from './push/handshake.js'
export type { HandshakeOrder, PushOrder } from './push/orders.js'
export type { Delivery, Push, PushReport } from './push/push.js'
export type { RecordedRequest, RequestList } from './requests.js'

export interface SandboxOptions {
  accounts: readonly SandboxAccount[]
  /**
   * Where tokens, quotas and the clock's offset outlast a restart; mode 0600. A broken file is ignored and replaced.
   * Default: nothing is kept.
   */
  stateFile?: string | undefined
  /** Called once for every request, when its answer is ready. Default: no log. */
  log?: ((line: LogLine) => void) | undefined
  /** The wall clock, in ms since the epoch. Default `Date.now`. */
  now?: (() => number) | undefined
  /** What the time-outs of pushes, and the pauses between them, run on. In ms. Default `setTimeout`. */
  after?: After | undefined
}

/**
 * WeChat's API on this machine, for development and tests. The parts it is made of are the ones its control routes
 * use, so a test in the same process can work on them directly.
 * @example
 * const sandbox = new Sandbox({ accounts: [{ appID: 'wx1', appSecret: 's' }] })
 * const apiDomain = await sandbox.listen()
 * sandbox.faults.add({ kind: 'busy', path: '/cgi-bin/token', times: 1 })
 * sandbox.clock.advance(7200)
 * await sandbox.close()
 */
export class Sandbox implements World {
  readonly app: Koa
  readonly clock: SandboxClock
  readonly accounts: Accounts
  readonly tokens: Tokens
  readonly quotas: Quotas
  readonly tickets: Tickets
  readonly codes: Codes
  readonly messages: Messages
  readonly media = new Media()
  readonly faults = new Faults()
  readonly requests: Requests
  readonly pushes: Pushes
  readonly #stateFile: string | undefined
  #server: Server | undefined

  /** @throws Refusal (a TypeError) that names the field of an account which is wrong. */
  constructor(options: SandboxOptions) {
    const { accounts, stateFile, log = () => undefined, now: wall = Date.now, after = afterReally } = options
    const kept = loadState(stateFile)
    const save = () => this.#save()
    const now = () => this.clock.now()
    this.#stateFile = stateFile
    this.clock = new SandboxClock({ wall, offset: kept.offset, moved: save })
    this.accounts = new Accounts(accounts)
    this.tokens = new Tokens({ now, issued: save, tokens: kept.tokens })
    this.quotas = new Quotas(now, kept.quotas)
    this.tickets = new Tickets(now)
    this.codes = new Codes(now)
    this.messages = new Messages(now)
    this.requests = new Requests(now)
    this.pushes = new Pushes({ accounts: this.accounts, now, wall, after })
    this.app = createApp(this, log)
  }

  /**
   * Serves on 127.0.0.1 only. Default port 0: any free one. Returns the base URL, `http://127.0.0.1:PORT/`.
   * @throws Error when it listens already, or with the code EADDRINUSE when the port is taken.
   */
  async listen(port = 0): Promise<string> {
    if (this.#server !== undefined) throw new Error('The sandbox listens already')
    const server = createServer(this.app.callback())
    this.#server = server
    await started(server, port).catch((error: unknown) => {
      this.#server = undefined
      throw error
    })
    return `http://127.0.0.1:${portOf(server)}/`
  }

  /**
   * A message or event for the callback, ready to be delivered once, or sent with retries, as often as a test likes.
   * @throws Refusal (a TypeError) that names the field which is wrong or missing.
   * @example
   * const push = sandbox.preparePush({ message: { Content: 'hi' } })
   * await Promise.all([push.deliver(), push.deliver()])
   */
  preparePush(order: PushOrder = {}): Push {
    return this.pushes.prepare(order)
  }

  /** Sends a message or event to the callback as WeChat does, and tells what became of it. @throws Refusal as `preparePush`. */
  async push(order: PushOrder = {}): Promise<PushReport> {
    return this.pushes.prepare(order).send()
  }

  /** Asks the callback as the console does when its settings are saved. @throws Refusal as `preparePush`. */
  async handshake(order: HandshakeOrder = {}): Promise<HandshakeReport> {
    return this.pushes.handshake(order)
  }

  /** Stops, and cuts at once what is still under way, hanging connections and pushes too. It can listen again. */
  async close(): Promise<void> {
    await this.pushes.close()
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
    this.#save()
  }

  #save(): void {
    if (this.#stateFile === undefined) return
    const state = { offset: this.clock.offset, tokens: this.tokens.toJSON(), quotas: this.quotas.toJSON() }
    saveState(this.#stateFile, state)
  }
}

function started(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('The sandbox has no port')
  return address.port
}
