import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { coldAccount, Fleet, type FleetAccount } from '../support/fleet.js'
import { report } from '../support/fleet-counts.js'
import { Crowd } from '../support/fleet-crowd.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { newSeed, seeded } from '../support/seeded.js'

const callers = 100

/**
 * When the hub that holds the lock is frozen: before WeChat answers it at all, while the answer comes, or at any instant of a refresh
 * that takes its course.
 */
const ways = [
  { endpoint: 'token', ms: 600_000 },
  { endpoint: 'stable_token', ms: 600_000 },
  { endpoint: 'token', ms: 1_000 },
  { endpoint: 'stable_token', ms: 1_000 },
  { endpoint: 'token', ms: 0 },
  { endpoint: 'stable_token', ms: 0 },
] as const
export interface FrozenHoldersOptions {
  readonly times: number
  /** In ms: so long after its begin, at most, a refresh that takes its course is frozen. It takes about 8. */
  readonly within: number
}

/** The hub that refreshes is frozen while WeChat works on its requests, and goes on when another one has refreshed. */
export function describeFrozenHolders({ times, within }: FrozenHoldersOptions): void {
  const seed = newSeed()
  const random = seeded(seed)

  describeWithRedis('the hub that holds the locks is frozen past their lease', () => {
    it(
      `and two upstream calls at most give all hubs WeChat's newest token, ${times} times (P1, seed ${seed})`,
      async () => {
        const accounts = Array.from({ length: times * ways.length }, (_, number) =>
          coldAccount(number, ways[number % ways.length]?.endpoint ?? 'token'),
        )
        const redis = await RedisServer.start()
        const fleet = await Fleet.start({ redisUrl: redis.url, random, accounts })
        const crowd = new Crowd()
        try {
          for (let time = 0; time < times; time += 1) {
            const frozen = accounts.slice(time * ways.length, (time + 1) * ways.length)
            await freezeHolder(fleet, crowd, frozen, within * random())
          }
          const fetches = accounts.map((account) => fleet.fetchesOf(account))
          for (const [at, { endpoint, ms }] of ways.entries()) {
            const counts = fetches.filter((_, number) => number % ways.length === at)
            report('frozen holders', { endpoint, 'answer after (ms)': ms, times, fetches: counts.join(' ') })
            expect(Math.max(...counts)).toBeLessThanOrEqual(2)
          }
        } finally {
          await crowd.close()
          await fleet.close()
          await redis.stop()
        }
      },
      120_000 + times * 60_000,
    )
  })
}

/** Ends when all hubs are of one mind. */
async function freezeHolder(
  fleet: Fleet,
  crowd: Crowd,
  accounts: readonly FleetAccount[],
  after: number,
): Promise<void> {
  const newest = ({ appID, endpoint }: FleetAccount) => fleet.sandbox.tokens.current(appID, endpoint)?.access_token
  const [holder] = fleet.hubs
  if (holder === undefined) throw new Error('the fleet has no hub')
  const asked: Promise<unknown>[] = []
  for (const [at, account] of accounts.entries()) {
    const { ms } = ways[at] ?? { ms: 0 }
    const path = `/cgi-bin/${account.endpoint}`
    if (ms > 0) fleet.sandbox.faults.add({ kind: 'slow', path, times: 1, ms })
    asked.push(fleet.token(holder, account).catch(() => undefined))
    if (ms === 0) continue
    await expect.poll(() => newest(account), { interval: 5, timeout: 30_000 }).toBeDefined()
    // Where the answer is lost, the hub has to know that its request has left: else one more fetch must make up for it.
    await holder.readiness()
  }
  await delay(after)
  holder.freeze()
  await Promise.all(accounts.map((account) => crowd.ask(fleet, account, callers)))
  holder.thaw()
  await Promise.all(asked)
  for (const account of accounts) {
    const isOfOneMind = async () => {
      const tokens = await Promise.all(fleet.hubs.map((hub) => fleet.token(hub, account)))
      return tokens.every((token) => token === newest(account))
    }
    await expect.poll(isOfOneMind, { timeout: 30_000 }).toBe(true)
    expect(fleet.sandbox.requests.inFlight.most(account.appID)).toBeLessThanOrEqual(2)
  }
}
