import { mkdtemp, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GivenAccessToken } from '../../src/broker/access-token.js'
import { type AccountConfig, type Config, loadConfig } from '../../src/config.js'
import { type Listening, listen } from '../../src/http/server.js'
import { createHub, type Hub } from '../../src/hub.js'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import type { Clock } from '../../src/wechat/clock.js'
import { turn } from './movable-clock.js'
import { until } from './until.js'

export const hubKey = 'the-key-of-the-tests-0001'

/** Two accounts that the sandbox knows, as they stand in the environment and in a configuration. */
export const shop = { appID: 'wx0123456789abcdef', appSecret: '0123456789abcdef0123456789abcdef', token: 'shopToken' }
export const blog = { appID: 'wxfedcba9876543210', appSecret: 'fedcba9876543210fedcba9876543210', token: 'blogToken' }

/** An EncodingAESKey for an account of the tests. */
export const aesKey = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG'

export interface RunningHubOptions {
  readonly clock?: Clock
  /** Laid over the configuration. */
  readonly config?: Partial<Omit<Config, 'limits'>> & { readonly limits?: Partial<Config['limits']> }
  /** Laid over the settings of the account `shop`; the sandbox sends its pushes as they say. */
  readonly shop?: Partial<AccountConfig>
  /** The folder for the hub's data. Default: a new one, removed at the end. */
  readonly dataDir?: string
}

/** A hub and a sandbox that it takes for WeChat, each on a port of its own, and the hub's log. */
export class RunningHub {
  readonly sandbox: Sandbox
  /** Where the sandbox listens. */
  readonly apiDomain: string
  readonly hub: Hub
  readonly dataDir: string
  readonly logLines: string[]
  readonly url: string
  readonly #server: Listening
  readonly #ownsDataDir: boolean
  readonly #arrivals: { pushes: number }

  private constructor(parts: {
    sandbox: Sandbox
    apiDomain: string
    hub: Hub
    server: Listening
    dataDir: string
    ownsDataDir: boolean
    logLines: string[]
    arrivals: { pushes: number }
  }) {
    this.sandbox = parts.sandbox
    this.apiDomain = parts.apiDomain
    this.hub = parts.hub
    this.dataDir = parts.dataDir
    this.logLines = parts.logLines
    this.url = `http://127.0.0.1:${parts.server.port}`
    this.#server = parts.server
    this.#ownsDataDir = parts.ownsDataDir
    this.#arrivals = parts.arrivals
  }

  static async start(options: RunningHubOptions = {}): Promise<RunningHub> {
    const { clock } = options
    const sandbox = new Sandbox({
      accounts: [shop, blog],
      ...(clock === undefined ? {} : { now: () => clock.now(), after: (ms, work) => clock.after(ms, work) }),
    })
    const apiDomain = await sandbox.listen()
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'wechat-hub-')))
    const base = loadConfig({
      cwd: tmpdir(),
      env: {
        WECHAT_APPID: shop.appID,
        WECHAT_APPSECRET: shop.appSecret,
        WECHAT_TOKEN: shop.token,
        WECHAT_API_DOMAIN: apiDomain,
        WECHAT_HUB_DATA: dataDir,
        WECHAT_HUB_KEY: hubKey,
      },
    })
    const config: Config = {
      ...base,
      accounts: {
        shop: { ...accountOf(base), ...options.shop },
        blog: { ...accountOf(base), ...blog, token: [blog.token] },
      },
      ...options.config,
      limits: { ...base.limits, ...options.config?.limits },
    }
    const logLines: string[] = []
    const hub = await createHub(config, {
      logDestination: { write: (line) => logLines.push(line) },
      ...(clock === undefined ? {} : { clock }),
    })
    const arrivals = { pushes: 0 }
    const counting: RequestListener = (request, response) => {
      if (request.method === 'POST' && request.url?.startsWith('/wx')) arrivals.pushes += 1
      return hub.handler(request, response)
    }
    const server = await listen(counting, { port: 0, host: '127.0.0.1' })
    for (const [name, { appID, token, encodingAESKey, mode }] of Object.entries(config.accounts)) {
      const { appSecret } = sandbox.accounts.get(appID) ?? {}
      if (appSecret === undefined) continue
      const [newest] = encodingAESKey
      const key = newest === undefined ? {} : { encodingAESKey: newest }
      const callbackUrl = `http://127.0.0.1:${server.port}/wx/${name}`
      sandbox.accounts.add({ appID, appSecret, token: token[0], mode, callbackUrl, ...key })
    }
    const ownsDataDir = options.dataDir === undefined
    return new RunningHub({ sandbox, apiDomain, hub, server, dataDir, ownsDataDir, logLines, arrivals })
  }

  /** Resolves when so many pushes, in all, have reached the hub. */
  async pushArrived(times: number): Promise<void> {
    await until(() => this.#arrivals.pushes >= times)
  }

  /** Resolves when the hub is asking WeChat for nothing that it keeps. */
  async settled(): Promise<void> {
    const credentials = this.hub.accounts.all.flatMap(({ wechat }) => wechat.credentials)
    do await turn()
    while (credentials.some(({ state }) => state.refreshing))
  }

  /** A request to the hub, with the key of the tests unless another one, or none, is given. */
  request(path: string, init: RequestInit & { key?: string | undefined } = {}): Promise<Response> {
    const { key, ...rest } = { key: hubKey, ...init }
    const headers = new Headers(rest.headers)
    if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
    return fetch(`${this.url}${path}`, { ...rest, headers })
  }

  /** The token that a GET of this path answers. */
  async token(path: string): Promise<GivenAccessToken> {
    return readJson(await this.request(path))
  }

  /** POSTs JSON. */
  post(path: string, body: unknown): Promise<Response> {
    const headers = { 'content-type': 'application/json' }
    return this.request(path, { method: 'POST', headers, body: JSON.stringify(body) })
  }

  async close(): Promise<void> {
    await this.#server.drain()
    await this.hub.close()
    await this.sandbox.close()
    if (this.#ownsDataDir) await rm(this.dataDir, { recursive: true, force: true })
  }
}

/** The JSON of an answer, as the test expects it; its fields are what the test then checks. */
export async function readJson<T>(response: Response): Promise<T> {
  return (await response.json()) as T
}

function accountOf(config: Config) {
  const account = config.accounts['default']
  if (account === undefined) throw new Error('the configuration of the tests has no account')
  return account
}
