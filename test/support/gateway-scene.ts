import { once } from 'node:events'
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request as open } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { loadConfig } from '../../src/config.js'
import { hubKey, RunningHub, shop } from './running-hub.js'
import { StandIn } from './stand-in.js'

export interface Asking {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** An iterable is sent chunked, unless there is a `content-length` among the headers. */
  readonly body?: Buffer | AsyncIterable<Buffer>
  readonly agent?: Agent
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly json: { readonly errcode?: number; readonly errmsg?: string; readonly [name: string]: unknown }
}

/** A call of the hub by a client of the tests, for the account `shop`: the answer when it has begun. */
export async function begin(url: string, { method, headers, body, agent }: Asking = {}): Promise<IncomingMessage> {
  const verb = method ?? (body === undefined ? 'GET' : 'POST')
  const all = { authorization: `Bearer ${hubKey}`, ...headers }
  const asking = open(url, { method: verb, headers: all, agent: agent ?? false })
  const answered = once(asking, 'response')
  // Once there is an answer, its own events tell how it ends.
  asking.on('error', () => undefined)
  if (Buffer.isBuffer(body) || body === undefined) asking.end(body)
  // An answer may come before all has been sent, and the rest be refused: without an answer `answered` rejects too.
  else pipeline(Readable.from(body, { objectMode: false }), asking).catch(() => undefined)
  const [response] = await answered
  return response
}

/** As `begin`, and the answer whole. Rejects if it is broken off. */
export async function ask(url: string, asking: Asking = {}): Promise<Answer> {
  const response = await begin(url, asking)
  const { statusCode = 0, headers } = response
  const body = await buffer(response)
  return {
    ...{ status: statusCode, headers, body },
    get json() {
      return JSON.parse(body.toString())
    },
  }
}

/** A real hub that takes a stand-in of the test for WeChat. */
export class GatewayScene {
  readonly wechat: StandIn
  readonly running: RunningHub
  #closed = false

  private constructor(wechat: StandIn, running: RunningHub) {
    this.wechat = wechat
    this.running = running
  }

  static async start(): Promise<GatewayScene> {
    const wechat = await StandIn.start()
    const env = { WECHAT_API_DOMAIN: wechat.apiDomain }
    const { wechat: settings } = loadConfig({ cwd: '/', env })
    return new GatewayScene(wechat, await RunningHub.start({ config: { wechat: settings } }))
  }

  url(path: string): string {
    return `${this.running.url}${path}?appid=${shop.appID}`
  }

  ask(path: string, asking?: Asking): Promise<Answer> {
    return ask(this.url(path), asking)
  }

  begin(path: string, asking?: Asking): Promise<IncomingMessage> {
    return begin(this.url(path), asking)
  }

  /** How many calls of the gateway ended so. */
  async outcomes(): Promise<Record<string, number>> {
    const page = await (await this.running.request('/metrics')).text()
    const found = page.matchAll(/^wechat_hub_gateway_calls_total\{account="shop",outcome="([a-z-]+)"\} (\d+)$/gm)
    return Object.fromEntries([...found].map(([, outcome, count]) => [outcome, Number(count)]))
  }

  /** What the log says of errors that nobody expected. */
  get errors(): string[] {
    return this.running.logLines.filter((line) => line.includes('"msg":"unexpected error"'))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.running.close()
    await this.wechat.close()
  }
}
