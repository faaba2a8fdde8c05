import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { openLevel } from '../../../src/stores/level.js'
import { type Clock, systemClock } from '../../../src/wechat/clock.js'

/** A data folder whose sessions have all ended when their store is opened. */
export interface Sweep {
  readonly dataDir: string
}

/** All in ms. */
export interface Swept {
  readonly took: number
  /** For how long nothing else had its turn while it was swept. */
  readonly swept: Pauses
  /** The same in as long a time without work. */
  readonly idle: Pauses
}

export interface Pauses {
  readonly longest: number
  /** All but one in a thousand are shorter. On a busy machine this says more. */
  readonly usual: number
}

/** Longer than any session lives, in ms. */
const ahead = 10 * 86_400_000

/** Told while it goes on, in ms. */
const pulse = 5_000

/** A turn of the event loop is asked for so often, in ms. */
const resolution = 1

process.on('message', (sweep: Sweep) => void run(sweep).then((swept) => process.send?.(swept)))
process.on('disconnect', () => process.exit())

async function run({ dataDir }: Sweep): Promise<Swept> {
  const signs = setInterval(() => process.send?.('sweeping'), pulse)
  const clock = new LateClock()
  const store = await openLevel(dataDir, { clock })
  const began = performance.now()
  const swept = await pausesOf(() => clock.sweep())
  const took = performance.now() - began
  await store.close()
  const idle = await pausesOf(() => delay(took))
  clearInterval(signs)
  return { took, swept, idle }
}

/** Far ahead. Its first timer is that of the first sweep; the second one is set when this is over. */
class LateClock implements Clock {
  #begin: (() => void) | undefined
  #over: () => void = () => undefined

  now(): number {
    return systemClock.now() + ahead
  }

  monotonic(): number {
    return systemClock.monotonic()
  }

  after(_ms: number, work: () => void): () => void {
    if (this.#begin === undefined) this.#begin = work
    else this.#over()
    return () => undefined
  }

  /** Has the store swept. */
  sweep(): Promise<void> {
    return new Promise((resolve) => {
      this.#over = resolve
      this.#begin?.()
    })
  }
}

async function pausesOf(work: () => Promise<unknown>): Promise<Pauses> {
  const pauses = monitorEventLoopDelay({ resolution })
  pauses.enable()
  await work()
  pauses.disable()
  const [longest, usual] = [pauses.max, pauses.percentile(99.9)].map((ns) => ns / 1e6 - resolution)
  return { longest: longest ?? 0, usual: usual ?? 0 }
}
