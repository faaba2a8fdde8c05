import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Fleet, metricsOf } from '../support/fleet.js'
import { report } from '../support/fleet-counts.js'
import { RandomFaults } from '../support/fleet-faults.js'
import type { FleetHub } from '../support/fleet-hub.js'
import { MixedLoad, type Rates } from '../support/mixed-load.js'
import { describeWithRedis, RedisServer } from '../support/redis-server.js'
import { newSeed, seeded } from '../support/seeded.js'

export interface Soak {
  readonly seconds: number
  readonly rates: Rates
  readonly hubs: number
  /** Whether memory and delays are held to their bounds: where nothing else needs the machine. */
  readonly measured: boolean
}

/** Of what the hubs send to WeChat so much fails. */
const faultShare = 0.01
/** How often memory and delays are looked at, in ms. */
const sampleGap = 5_000
/** The part of the time in which a hub warms up. */
const warmUp = 0.3
const mostDrift = 20 * 1024 * 1024
/** In seconds. */
const longestDelay = 0.05
const userInfo = '/cgi-bin/user/info'
const logins = '/sns/jscode2session'

interface Sample {
  readonly memory: number
  readonly delay: number
}

/** All that hubs do, for a long time. */
export function describeSoak({ seconds, rates, hubs, measured }: Soak): void {
  const seed = newSeed()

  describeWithRedis('hubs under a constant load', () => {
    it(
      `fail no more than WeChat does, for ${seconds} s (seed ${seed})`,
      async () => {
        const random = seeded(seed)
        const redis = await RedisServer.start()
        const fleet = await Fleet.start({ redisUrl: redis.url, random, hubs })
        try {
          await fleet.warm()
          const faults = new RandomFaults(faultShare, random)
          fleet.stand(faults.middleware)
          const load = new MixedLoad({ fleet, rates, random, upstreamFails: true })
          load.start()
          const samples = await sampled(fleet.hubs, seconds)
          await load.stop()
          await expect.poll(() => load.lost, { timeout: 30_000 }).toEqual([])
          const injected = [...faults.injected.values()].reduce((sum, count) => sum + count, 0)
          const drifts = samples.map(driftOf)
          const delays = samples.map(delayOf)
          report('soak', {
            ...{ seed, seconds, hubs, injected, ...load.figures },
            'memory (MiB)': samples.map((of) => mib(of.at(-1)?.memory ?? 0)).join(' '),
            'drift (MiB)': drifts.map(mib).join(' '),
            'p99 of the event loop (ms)': delays.map((each) => (each * 1000).toFixed(1)).join(' '),
          })
          expect(load.failures, fleet.complaints).toEqual([])
          expect(load.twice).toEqual([])
          expect(load.dead).toBe(0)
          const excused = [userInfo, logins].reduce((sum, path) => sum + (faults.injected.get(path) ?? 0), 0)
          expect(load.refused + load.postponed).toBeLessThanOrEqual(excused)
          if (!measured) return
          for (const drift of drifts) expect(drift).toBeLessThan(mostDrift)
          for (const each of delays) expect(each).toBeLessThan(longestDelay)
        } finally {
          await fleet.close()
          await redis.stop()
        }
      },
      180_000 + seconds * 2_000,
    )
  })
}

/** What each hub shows of itself, until the time is over. */
async function sampled(hubs: readonly FleetHub[], seconds: number): Promise<Sample[][]> {
  const samples: Sample[][] = hubs.map(() => [])
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    // How long it lasts is what a soak is.
    await delay(Math.min(sampleGap, end - performance.now()))
    for (const [at, hub] of hubs.entries()) {
      const metric = await metricsOf(hub)
      const memory = metric('wechat_hub_process_resident_memory_bytes')
      samples[at]?.push({ memory, delay: metric('wechat_hub_nodejs_eventloop_lag_p99_seconds') })
    }
  }
  return samples
}

/** By how much a hub's memory is more in the last quarter of the time than in the first one after the warm-up. */
function driftOf(samples: readonly Sample[]): number {
  const warm = samples.slice(Math.floor(samples.length * warmUp)).map(({ memory }) => memory)
  const quarter = Math.max(1, Math.floor(warm.length / 4))
  return medianOf(warm.slice(-quarter)) - medianOf(warm.slice(0, quarter))
}

/** The median of a hub's 99th percentiles after the warm-up. */
function delayOf(samples: readonly Sample[]): number {
  return medianOf(samples.slice(Math.floor(samples.length * warmUp)).map(({ delay }) => delay))
}

function medianOf(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}
