import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Middleware } from 'koa'
import type { AccountConfig } from '../../src/config.js'
import { Sandbox } from '../../src/sandbox/sandbox.js'
import type { TokenEndpointName } from '../../src/wechat/token-endpoint.js'
import { IdempotentBackEnd } from './fleet-back-end.js'
import { FleetHub } from './fleet-hub.js'
import { type Lives, realLives, TokenLives } from './fleet-lives.js'
import { hubKey } from './running-hub.js'
import { removeFolder, temporaryFolder } from './temporary-folder.js'

/** An account of a fleet, at its sandbox and in its configuration. */
export interface FleetAccount {
  readonly name: string
  readonly appID: string
  readonly endpoint: TokenEndpointName
  readonly type: AccountConfig['type']
}

/** Its messages go to the fleet's back end. */
export const shop: FleetAccount = {
  name: 'shop',
  appID: 'wx0123456789abcdef',
  endpoint: 'token',
  type: 'official',
}
/** Its users log in. */
export const mini: FleetAccount = {
  name: 'mini',
  appID: 'wxfedcba9876543210',
  endpoint: 'stable_token',
  type: 'miniprogram',
}

/** The n-th of the accounts that no hub has a token of yet. */
export function coldAccount(number: number, endpoint: TokenEndpointName): FleetAccount {
  return { name: `cold-${number}`, appID: `wx${String(number).padStart(16, '0')}`, endpoint, type: 'official' }
}

const appSecret = '0123456789abcdef0123456789abcdef'
const token = 'fleetToken'
/** In seconds. A short life must leave some of it to refresh in. */
const expiryMargin = (life: number) => Math.min(20, Math.floor(life / 10))

export interface FleetOptions {
  /** Default 3. */
  readonly hubs?: number
  /** Of the Redis that they share, be it with sentinels. */
  readonly redisUrl: string
  readonly random: () => number
  /** How long tokens live. Default: as WeChat's. */
  readonly lives?: Lives
  /** Besides `shop` and `mini`. */
  readonly accounts?: readonly FleetAccount[]
}

/** What a request to WeChat meets first. */
interface Front {
  middleware: Middleware
}

/** Hub processes that act as one, their WeChat and their back end. */
export class Fleet {
  readonly sandbox: Sandbox
  readonly backEnd: IdempotentBackEnd
  readonly hubs: readonly FleetHub[]
  readonly #lives: TokenLives
  readonly #folder: string
  readonly #front: Front

  private constructor(parts: {
    sandbox: Sandbox
    backEnd: IdempotentBackEnd
    hubs: readonly FleetHub[]
    lives: TokenLives
    folder: string
    front: Front
  }) {
    this.sandbox = parts.sandbox
    this.backEnd = parts.backEnd
    this.hubs = parts.hubs
    this.#lives = parts.lives
    this.#folder = parts.folder
    this.#front = parts.front
  }

  /** Resolves when all hubs serve. */
  static async start({ hubs = 3, redisUrl, random, lives = realLives, accounts = [] }: FleetOptions): Promise<Fleet> {
    const all = [shop, mini, ...accounts]
    const sandbox = new Sandbox({
      accounts: all.map(({ appID }) => ({ appID, appSecret, token, dailyTokens: 100_000 })),
    })
    const stable = all.filter(({ endpoint }) => endpoint === 'stable_token').map(({ appID }) => appID)
    const tokenLives = new TokenLives(sandbox, lives, stable)
    sandbox.app.middleware.unshift(tokenLives.middleware)
    // What stands in front of it may change; what is behind it is composed once.
    const front: Front = { middleware: (_ctx, next) => next() }
    sandbox.app.middleware.unshift((ctx, next) => front.middleware(ctx, next))
    const apiDomain = await sandbox.listen()
    const backEnd = await IdempotentBackEnd.start(random)
    const folder = temporaryFolder()
    const route = { to: backEnd.url, format: 'json', secret: 'the-secret-of-the-fleet' }
    const settings = {
      redis: { url: redisUrl },
      wechat: { apiDomain, expiryMargin: expiryMargin(lives.life) },
      limits: { clientPerMinute: 0, refusedPerMinute: 0, pagesPerMinute: 0, loginsPerMinute: 0 },
      sessions: { key: '5e'.repeat(32) },
      accounts: Object.fromEntries(
        all.map(({ name, appID, type, endpoint }) => [
          name,
          {
            ...{ type, appID, appSecret, token, endpoint, dailyTokens: 100_000 },
            routes: name === 'shop' ? [route] : [],
          },
        ]),
      ),
    }
    mkdirSync(join(folder, 'config'))
    writeFileSync(join(folder, 'config/default.json'), JSON.stringify(settings))
    const env = { NODE_CONFIG_DIR: join(folder, 'config'), WECHAT_HUB_KEY: hubKey }
    const names = Array.from({ length: hubs }, (_, number) => `hub-${number + 1}`)
    const created = await Promise.all(names.map((name) => FleetHub.create(name, env)))
    const fleet = new Fleet({ sandbox, backEnd, hubs: created, lives: tokenLives, folder, front })
    try {
      await Promise.all(created.map((hub) => hub.start()))
    } catch (error) {
      await fleet.close()
      throw error
    }
    return fleet
  }

  /** Puts something in front of WeChat, in place of what stood there before. */
  stand(middleware: Middleware): void {
    this.#front.middleware = middleware
  }

  /** Has every hub hold a token of `shop` and `mini`. */
  async warm(): Promise<void> {
    await Promise.all(this.hubs.flatMap((hub) => [shop, mini].map((account) => this.token(hub, account))))
  }

  /** Those that run and are not frozen. */
  get serving(): FleetHub[] {
    return this.hubs.filter(({ alive, frozen }) => alive && !frozen)
  }

  /** How often WeChat was asked for a token of accounts with this endpoint. */
  fetches(endpoint: TokenEndpointName): number {
    return this.sandbox.requests.count(`/cgi-bin/${endpoint}`)
  }

  /** How often WeChat gave, or gave again, a token of this account. */
  fetchesOf({ appID, endpoint }: FleetAccount): number {
    const name = endpoint === 'token' ? 'token' : 'stable_token/day'
    return this.sandbox.quotas.used(appID, { name, per: 'day', limit: 0 })
  }

  /** When WeChat was asked, in ms since the epoch. */
  fetchTimes(endpoint: TokenEndpointName): number[] {
    const { requests } = this.sandbox.requests.list(`/cgi-bin/${endpoint}`)
    return requests.filter(({ status }) => status === 200).map(({ at }) => at)
  }

  /** What the hubs have complained of since each one's last start, for the message of a failed expectation. */
  get complaints(): string {
    return this.hubs
      .flatMap(({ name, log }) => log.slice(0, 20).map((line) => `${name} ${JSON.stringify(line)}`))
      .join('\n')
  }

  /** Whether WeChat took the token at that time, in ms since the epoch. */
  wasLive(accessToken: string, at: number): boolean {
    return this.#lives.wasLive(accessToken, at)
  }

  /** The token of an account that a hub gives. @throws {Error} when it gives none. */
  async token({ url }: FleetHub, { name }: FleetAccount): Promise<string> {
    const response = await fetch(`${url}/v1/${name}/access-token`, { headers: { authorization: `Bearer ${hubKey}` } })
    const text = await response.text()
    if (!response.ok) throw new Error(`${response.status} ${text}`)
    return JSON.parse(text).access_token
  }

  async close(): Promise<void> {
    await Promise.all(this.hubs.map((hub) => hub.remove()))
    await Promise.all([this.sandbox.close(), this.backEnd.close()])
    removeFolder(this.#folder)
  }
}

/** What a hub measures: by the name of a metric the sum of all its lines. To look starts some of them anew. */
export async function metricsOf({ url }: FleetHub): Promise<(name: string) => number> {
  const page = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${hubKey}` } })).text()
  return (name) => {
    const lines = page.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }
}
