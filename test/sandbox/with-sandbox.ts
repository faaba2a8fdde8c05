import { test as base } from 'vitest'
import { Sandbox, type SandboxOptions } from '../../src/sandbox/sandbox.js'

export const shop = { appID: 'wx0123456789abcdef', appSecret: '0123456789abcdef0123456789abcdef' }
/** Midnight UTC, 8 in the morning for WeChat. */
export const start = Date.UTC(2026, 0, 1)

/** Pairs, where a name is to be repeated. */
type Query = Readonly<Record<string, string>> | ReadonlyArray<readonly [string, string]>
type Json = Record<string, unknown>

/** A sandbox that listens, and a client for it. Its wall clock stands still: only `clock.advance` moves time. */
export class Platform {
  readonly sandbox: Sandbox
  readonly base: string

  constructor(sandbox: Sandbox, base: string) {
    this.sandbox = sandbox
    this.base = base
  }

  static async open(options: Partial<SandboxOptions> = {}): Promise<Platform> {
    const sandbox = new Sandbox({ accounts: [shop], now: () => start, ...options })
    return new Platform(sandbox, await sandbox.listen())
  }

  fetch(path: string, query: Query = {}, init: RequestInit = {}): Promise<Response> {
    const url = new URL(path, this.base)
    const pairs: ReadonlyArray<readonly [string, string]> = isPairs(query) ? query : Object.entries(query)
    for (const [name, value] of pairs) url.searchParams.append(name, value)
    return fetch(url, init)
  }

  async get(path: string, query: Query = {}): Promise<Json> {
    return json(await this.fetch(path, query))
  }

  /** A body that is no text is sent as JSON. */
  async post(path: string, body: unknown, query: Query = {}): Promise<Json> {
    return json(await this.send('POST', path, body, query))
  }

  send(method: string, path: string, body: unknown, query: Query = {}): Promise<Response> {
    return this.fetch(path, query, { method, body: typeof body === 'string' ? body : JSON.stringify(body) })
  }

  /** A new token of `/cgi-bin/token`. */
  async token(): Promise<string> {
    return String((await this.get('/cgi-bin/token', grant()))['access_token'])
  }

  async stable(more: Json = {}): Promise<Json> {
    return this.post('/cgi-bin/stable_token', { ...grant(), ...more })
  }

  /** What the API says of a token: 0 when it takes it. */
  async verdict(access_token: unknown): Promise<unknown> {
    return (await this.get('/cgi-bin/getcallbackip', { access_token: String(access_token) }))['errcode'] ?? 0
  }
}

function isPairs(query: Query): query is ReadonlyArray<readonly [string, string]> {
  return Array.isArray(query)
}

/** The query, or body, of a right token request. */
export function grant(): Record<string, string> {
  return { grant_type: 'client_credential', appid: shop.appID, secret: shop.appSecret }
}

export async function json(response: Response): Promise<Json> {
  const value: unknown = await response.json()
  if (typeof value !== 'object' || value === null) throw new TypeError('Not a JSON object')
  return { ...value }
}

export const test = base.extend<{ wx: Platform }>({
  wx: async ({ task: _task }, use) => {
    const platform = await Platform.open()
    await use(platform)
    await platform.sandbox.close()
  },
})
