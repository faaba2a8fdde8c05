import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Fleet, type FleetAccount, mini, shop } from '../support/fleet.js'
import { report } from '../support/fleet-counts.js'
import { type Lives, realLives } from '../support/fleet-lives.js'
import { MixedLoad, type Rates } from '../support/mixed-load.js'
import { RedisSentinels } from '../support/redis-sentinels.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { newSeed, seeded } from '../support/seeded.js'

export interface OutageCounts {
  readonly kills: number
  readonly freezes: number
  /** How long each takes at least, in ms. */
  readonly freezeTime: number
  readonly flushes: number
  readonly failOvers: number
  readonly rates: Rates
}

/** So much time all hubs have to notice that Redis is away, or back, in ms: a busy machine is slow. */
const noticing = 60_000
/** One refresh of each account every 15 seconds, which a fail-over can lose. */
const shortLives: Lives = { life: 30, changeOver: 18 }
const accounts = [shop, mini]

/** Redis ends, freezes, forgets and goes back in time, under all that hubs do. */
export function describeOutages({ kills, freezes, freezeTime, flushes, failOvers, rates }: OutageCounts): void {
  describeWithRedis('hubs whose Redis', () => {
    it.each([
      { keeps: 'nothing', args: [] },
      { keeps: 'all', args: ['--appendonly', 'yes'] },
    ])(
      `is killed ${kills} times, and keeps $keeps, go on by themselves (P1, P2)`,
      ({ keeps, args }) =>
        withRedis(args, rates, async (outage, redis) => {
          for (let kill = 0; kill < kills; kill += 1) {
            await outage.under(
              () => redis.kill(),
              () => redis.restart(),
            )
          }
          outage.report(`kills of a Redis that keeps ${keeps}`, kills)
        }),
      120_000 + kills * 60_000,
    )

    it(
      `is frozen ${freezes} times go on by themselves (P1, P2)`,
      () =>
        withRedis([], rates, async (outage, redis) => {
          for (let freeze = 0; freeze < freezes; freeze += 1) {
            await outage.under(
              async () => redis.freeze(),
              async () => {
                // How long it is frozen is what the campaign is about.
                await delay(freezeTime)
                redis.thaw()
              },
            )
          }
          outage.report(`freezes of ${freezeTime} ms`, freezes)
        }),
      120_000 + freezes * 60_000,
    )

    it(
      `forgets all ${flushes} times put their tokens back (P1, P2)`,
      () =>
        withRedis([], rates, async (outage, redis) => {
          for (let flush = 0; flush < flushes; flush += 1) {
            const before = await outage.tokens()
            await redis.command('FLUSHALL')
            await outage.settled()
            expect(await outage.tokens()).toEqual(before)
            for (const account of accounts) {
              const isBack = async () => (await storedIn(redis, account))?.access_token === before[account.name]
              await expect.poll(isBack, { timeout: noticing }).toBe(true)
            }
          }
          outage.report('FLUSHALL', flushes)
        }),
      120_000 + flushes * 60_000,
    )

    it(
      `loses its latest writes in ${failOvers} fail-overs keep the newest token (P1, P2)`,
      async () => {
        const sentinels = await RedisSentinels.start()
        try {
          await withFleet({ redisUrl: sentinels.url, rates, lives: shortLives }, async (outage) => {
            for (let failOver = 0; failOver < failOvers; failOver += 1) await outage.loseWrites(sentinels)
            outage.report('fail-overs with lost writes', failOvers)
          })
        } finally {
          await sentinels.stop()
        }
      },
      120_000 + failOvers * 120_000,
    )
  })
}

interface Settings {
  readonly redisUrl: string
  readonly rates: Rates
  readonly lives: Lives
}

async function withRedis(
  args: readonly string[],
  rates: Rates,
  work: (outage: Outage, redis: RedisServer) => Promise<void>,
) {
  const redis = await RedisServer.start({ args })
  try {
    await withFleet({ redisUrl: redis.url, rates, lives: realLives }, (outage) => work(outage, redis))
  } finally {
    await redis.stop()
  }
}

async function withFleet({ redisUrl, rates, lives }: Settings, work: (outage: Outage) => Promise<void>): Promise<void> {
  const random = seeded(newSeed())
  const fleet = await Fleet.start({ redisUrl, random, lives })
  try {
    await fleet.warm()
    const load = new MixedLoad({ fleet, rates, random })
    load.start()
    const outage = new Outage(fleet, load, lives)
    await work(outage)
    await outage.end()
  } finally {
    await fleet.close()
  }
}

/** A fleet under load whose Redis is in trouble. */
class Outage {
  readonly #fleet: Fleet
  readonly #load: MixedLoad
  readonly #lives: Lives
  #events = 0

  constructor(fleet: Fleet, load: MixedLoad, lives: Lives) {
    this.#fleet = fleet
    this.#load = load
    this.#lives = lives
  }

  /** Takes Redis away, looks how the hubs do without it, and gives it back. */
  async under(begin: () => Promise<void>, end: () => Promise<void>): Promise<void> {
    const before = await this.tokens()
    await begin()
    await expect.poll(() => this.#readiness(), { timeout: noticing }).toEqual(this.#all(degraded))
    expect(await this.tokens()).toEqual(before)
    for (const { url } of this.#fleet.hubs) {
      const { status, headers } = await this.#logIn(url)
      expect(status).toBe(503)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
      const push = await this.#fleet.sandbox.push({ appid: shop.appID, url: `${url}/wx/${shop.name}` })
      expect(push).toMatchObject({ result: 'reply' })
    }
    await end()
    await this.settled()
    expect(await this.tokens()).toEqual(before)
  }

  /** A refresh of each account is stored where a fail-over loses it. */
  async loseWrites(sentinels: RedisSentinels): Promise<void> {
    await sentinels.pauseReplication()
    const before = accounts.map(({ endpoint }) => this.#fleet.fetches(endpoint))
    const isRefreshed = () => accounts.every(({ endpoint }, at) => this.#fleet.fetches(endpoint) > (before[at] ?? 0))
    await expect.poll(isRefreshed, { timeout: noticing }).toBe(true)
    const old = await sentinels.failOver({ by: 'freeze' })
    await this.settled()
    const master = await sentinels.master()
    for (const account of accounts)
      await expect.poll(() => this.#isOfOneMind(master, account), { timeout: noticing }).toBe(true)
    old.thaw()
    await sentinels.settled()
  }

  /** Resolves when every hub has Redis again, and logs users in, and the load has gone on for about a second. */
  async settled(): Promise<void> {
    this.#events += 1
    const enough = this.#load.done.tokens + this.#load.rates.tokens
    await expect.poll(() => this.#readiness(), { timeout: noticing }).toEqual(this.#all(ready))
    for (const { url } of this.#fleet.hubs) {
      await expect.poll(async () => (await this.#logIn(url)).status, { timeout: noticing }).toBe(200)
    }
    await expect.poll(() => this.#load.done.tokens, { timeout: noticing }).toBeGreaterThan(enough)
  }

  /** The token of each account, which all hubs give. */
  async tokens(): Promise<Record<string, string>> {
    const entries = accounts.map(async (account) => {
      const now = Date.now()
      const [token = '', ...others] = new Set(
        await Promise.all(this.#fleet.hubs.map((hub) => this.#fleet.token(hub, account))),
      )
      expect(others).toEqual([])
      expect(this.#fleet.wasLive(token, now)).toBe(true)
      return [account.name, token] as const
    })
    return Object.fromEntries(await Promise.all(entries))
  }

  async end(): Promise<void> {
    const load = this.#load
    await load.stop()
    await expect.poll(() => load.lost, { timeout: noticing }).toEqual([])
    expect(load.failures, this.#fleet.complaints).toEqual([])
    expect(load.twice).toEqual([])
    expect(load.dead).toBe(0)
    for (const { appID, endpoint } of accounts) {
      expect(this.#fleet.sandbox.requests.inFlight.most(appID)).toBe(1)
      expect(this.#unscheduled(endpoint)).toBeLessThanOrEqual(this.#events)
    }
  }

  report(what: string, times: number): void {
    const unscheduled = accounts.map(({ endpoint }) => this.#unscheduled(endpoint)).join(' and ')
    report('outages', { what, times, ...this.#load.figures, 'unscheduled refreshes': unscheduled })
  }

  /** Refreshes that came long before the middle of a token's life: not because of its age, but of what happened. */
  #unscheduled(endpoint: FleetAccount['endpoint']): number {
    const times = this.#fleet.fetchTimes(endpoint)
    const gap = (this.#lives.life / 4) * 1000
    return times.filter((time, at) => at > 0 && time - (times[at - 1] ?? 0) < gap).length
  }

  /** Whether all hubs give WeChat's newest token, and Redis has it. */
  async #isOfOneMind(redis: RedisServer, account: FleetAccount): Promise<boolean> {
    const newest = this.#fleet.sandbox.tokens.current(account.appID, account.endpoint)?.access_token
    const given = await Promise.all(this.#fleet.hubs.map((hub) => this.#fleet.token(hub, account)))
    const stored = await storedIn(redis, account)
    return [...given, stored?.access_token].every((token) => token === newest)
  }

  #readiness() {
    return Promise.all(this.#fleet.hubs.map((hub) => hub.readiness()))
  }

  #all<T>(each: T): T[] {
    return this.#fleet.hubs.map(() => each)
  }

  #logIn(url: string): Promise<Response> {
    const { code } = this.#fleet.sandbox.codes.create(mini.appID)
    const headers = { 'content-type': 'application/json' }
    return fetch(`${url}/v1/${mini.name}/sessions`, { method: 'POST', headers, body: JSON.stringify({ code }) })
  }
}

const ready = { status: 200, ready: true }
const degraded = { status: 200, ready: true, degraded: true }

/** What Redis has of an account's access_token. */
async function storedIn(redis: RedisServer, { appID }: FleetAccount): Promise<{ access_token: string } | undefined> {
  const text = await redis.command('GET', `wechat-hub:{${appID}}:credential:access_token`)
  return typeof text === 'string' ? JSON.parse(text) : undefined
}
