import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Fleet, mini, shop } from '../support/fleet.js'
import { report } from '../support/fleet-counts.js'
import { MixedLoad, type Rates } from '../support/mixed-load.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { newSeed, seeded } from '../support/seeded.js'

/** In ms: how long a hub serves before one is killed, and how long it is gone, at most. */
const longestPause = 600
/** Refreshes are among what is interrupted: one of each account every 20 seconds. */
const lives = { life: 40, changeOver: 24 }

/** Hubs that are killed at random while all that a hub does is asked of them. */
export function describeKills({ kills, rates }: { readonly kills: number; readonly rates: Rates }): void {
  const seed = newSeed()

  describeWithRedis('hubs that share a Redis', () => {
    it(
      `fail nobody, lose no message and give no dead token while ${kills} of them are killed (P1, P2, P8, seed ${seed})`,
      async () => {
        const random = seeded(seed)
        const redis = await RedisServer.start()
        const fleet = await Fleet.start({ redisUrl: redis.url, random, lives })
        try {
          await fleet.warm()
          const load = new MixedLoad({ fleet, rates, random })
          load.start()
          for (let kill = 0; kill < kills; kill += 1) {
            // How long each lives, and is gone, is what the campaign is about.
            await delay(longestPause * random())
            const victim = fleet.hubs[Math.floor(random() * fleet.hubs.length)]
            await victim?.kill()
            await delay(longestPause * random())
            await victim?.start()
          }
          await load.stop()
          await expect.poll(() => load.lost, { timeout: 30_000 }).toEqual([])
          report('kills', { seed, kills, ...load.figures })
          expect(load.failures).toEqual([])
          expect(load.twice).toEqual([])
          expect(load.dead).toBe(0)
          expect(load.done.pushes).toBeGreaterThan(kills)
          for (const { appID } of [shop, mini]) expect(fleet.sandbox.requests.inFlight.most(appID)).toBe(1)
        } finally {
          await fleet.close()
          await redis.stop()
        }
      },
      120_000 + kills * 20_000,
    )
  })
}
