import { expect, it } from 'vitest'
import { coldAccount, Fleet } from '../support/fleet.js'
import { report } from '../support/fleet-counts.js'
import { Crowd } from '../support/fleet-crowd.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { newSeed, seeded } from '../support/seeded.js'

/** Each fleet has so many accounts, and each of them is cold once. */
const roundsOfFleet = 50

interface Rounds {
  readonly rounds: number
  readonly callers: number
}

/** Crowds that ask three hubs at once for a token that none of them has. */
export function describeCrowds({ rounds, callers }: Rounds): void {
  describeWithRedis('three hubs that share a Redis', () => {
    it(
      `cause one upstream call when ${callers} callers come at once to a cold cache, ${rounds} times (P1)`,
      async () => {
        const redis = await RedisServer.start()
        const crowd = new Crowd()
        const fetches: number[] = []
        try {
          while (fetches.length < rounds) {
            const some = Math.min(roundsOfFleet, rounds - fetches.length)
            fetches.push(...(await askCold(redis, crowd, { rounds: some, callers })))
            await redis.command('FLUSHALL')
          }
        } finally {
          await crowd.close()
          await redis.stop()
        }
        const total = fetches.reduce((sum, count) => sum + count)
        report('crowds', { rounds, callers, fetches: total, 'most in a round': Math.max(...fetches) })
        expect(fetches.filter((count) => count !== 1)).toEqual([])
      },
      120_000 + rounds * 60_000,
    )
  })
}

/** Answers how often WeChat was asked in each round. */
async function askCold(redis: RedisServer, crowd: Crowd, { rounds, callers }: Rounds): Promise<number[]> {
  const accounts = Array.from({ length: rounds }, (_, number) =>
    coldAccount(number, number % 2 === 0 ? 'token' : 'stable_token'),
  )
  const fleet = await Fleet.start({ redisUrl: redis.url, random: seeded(newSeed()), accounts })
  const fetches: number[] = []
  try {
    for (const account of accounts) {
      const now = Date.now()
      const tokens = await crowd.ask(fleet, account, callers)
      expect(tokens.filter((token) => !fleet.wasLive(token, now))).toEqual([])
      expect(fleet.sandbox.requests.inFlight.most(account.appID)).toBe(1)
      fetches.push(fleet.fetchesOf(account))
    }
    return fetches
  } finally {
    await fleet.close()
  }
}
