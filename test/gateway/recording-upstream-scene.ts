import { connect } from 'node:net'
import { test as base } from 'vitest'
import { hashKey, makeKey } from '../../src/access/key.js'
import type { Scope } from '../../src/http/route.js'
import type { Clock } from '../../src/wechat/clock.js'
import { RunningHub, shop } from '../support/running-hub.js'
import { ForbiddenServer, type Recorded, RecordingUpstream } from './recording-upstream.js'

/** A client of the tests: its key, and its part of the configuration. */
export interface TestClient {
  readonly key: string
  readonly config: { keyHash: string[]; accounts: string[]; scopes: Scope[] }
}

export function testClient(accounts: string[], ...scopes: Scope[]): TestClient {
  const key = makeKey()
  return { key, config: { keyHash: [hashKey(key)], accounts, scopes } }
}

/** What the hub sent back. */
export interface RawAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** A hub whose WeChat is a recording upstream, a server beside it that nobody may call, and clients of the hub. */
export class GatewayScene {
  readonly upstream: RecordingUpstream
  readonly forbidden: ForbiddenServer
  readonly running: RunningHub

  private constructor(upstream: RecordingUpstream, forbidden: ForbiddenServer, running: RunningHub) {
    this.upstream = upstream
    this.forbidden = forbidden
    this.running = running
  }

  static async start(clients: Readonly<Record<string, TestClient>>, clock?: Clock): Promise<GatewayScene> {
    const upstream = await RecordingUpstream.start()
    const running = await RunningHub.start({
      ...(clock === undefined ? {} : { clock }),
      config: {
        wechat: { apiDomain: upstream.apiDomain, timeout: 5000, expiryMargin: 20, refreshAhead: 290 },
        limits: { clientPerMinute: 0, refusedPerMinute: 0 },
        clients: Object.fromEntries(Object.entries(clients).map(([name, { config }]) => [name, config])),
      },
    })
    return new GatewayScene(upstream, await ForbiddenServer.start(), running)
  }

  async close(): Promise<void> {
    await this.running.close()
    await Promise.all([this.upstream.close(), this.forbidden.close()])
  }

  /** A hub token of a client, or the real one if its scopes say so, as an SDK gets it. */
  async tokenFor({ key }: TestClient, { appID } = shop): Promise<string> {
    const query = new URLSearchParams({ grant_type: 'client_credential', appid: appID, secret: key })
    const response = await fetch(`${this.running.url}/cgi-bin/token?${query}`)
    const answer: { access_token?: string } = JSON.parse(await response.text())
    if (answer.access_token === undefined) throw new Error('the hub gave no token')
    return answer.access_token
  }

  /** What has reached WeChat since the last look. */
  arrived(): Recorded[] {
    return this.upstream.seen.splice(0)
  }

  /** All that comes back for these bytes (latin1) until the hub ends the connection, or `enough` says that it may end. */
  send(bytes: string, enough: (text: string) => boolean = () => false): Promise<string> {
    const { hostname, port } = new URL(this.running.url)
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (enough(text)) socket.destroy()
    })
    // The hub may hang up while there is still something to send.
    socket.on('error', () => undefined)
    socket.once('connect', () => socket.write(bytes, 'latin1'))
    return new Promise((resolve) => socket.once('close', () => resolve(text)))
  }

  /** Sends these bytes (latin1), and then goes away. Resolves when the hub has ended its side too. */
  sendAndGo(bytes: string): Promise<void> {
    const { hostname, port } = new URL(this.running.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined).resume()
    socket.once('connect', () => socket.end(bytes, 'latin1'))
    return new Promise((resolve) => socket.once('close', () => resolve()))
  }

  /** Sends one GET (or other method) on a connection of its own; the target and the header lines go as they are. */
  async call(target: string, lines: readonly string[] = [], method = 'GET'): Promise<RawAnswer | undefined> {
    const head = [`${method} ${target} HTTP/1.1`, 'Host: hub', 'Connection: close', ...lines]
    return answersIn(await this.send(`${head.join('\r\n')}\r\n\r\n`))[0]
  }
}

/** The answers in what came over one connection. One that breaks off is not among them. */
export function answersIn(text: string): RawAnswer[] {
  const answers: RawAnswer[] = []
  for (let rest = text; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) break
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n')
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const { body, rest: after } = bodyIn(rest.slice(end + 4), headers)
    rest = after
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1])
    if (status >= 200) answers.push({ status, headers, body })
  }
  return answers
}

function bodyIn(text: string, headers: ReadonlyMap<string, string>): { body: string; rest: string } {
  if (headers.get('transfer-encoding') !== 'chunked') {
    const length = Number(headers.get('content-length') ?? 0)
    return { body: text.slice(0, length), rest: text.slice(length) }
  }
  let body = ''
  for (let rest = text; ; ) {
    const [size = ''] = rest.split('\r\n', 1)
    const length = Number.parseInt(size, 16)
    const begin = size.length + 2
    body += rest.slice(begin, begin + length)
    rest = rest.slice(begin + length + 2)
    if (length === 0 || Number.isNaN(length) || rest === '') return { body, rest }
  }
}

export function bearer({ key }: TestClient): string {
  return `Authorization: Bearer ${key}`
}

/** A test with one hub for all of its file, which no test may leave changed. */
export function gatewayTest(clients: Readonly<Record<string, TestClient>>) {
  return base.extend<{ clients: typeof clients; scene: GatewayScene }>({
    clients: [clients, { scope: 'file' }],
    scene: [
      async ({ clients: all }, use) => {
        const scene = await GatewayScene.start(all)
        await use(scene)
        await scene.close()
      },
      { scope: 'file' },
    ],
  })
}
