import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { FigureRelay } from '../../src/workers/figure-relay.js'
import type { ToWorker } from '../../src/workers/messages.js'
import { silentMetric, workersMetric } from '../../src/workers/this-worker.js'
import { WorkerPeers } from '../../src/workers/worker-peers.js'
import { MovableClock } from '../support/movable-clock.js'

/** Workers without processes: what each tells the primary comes to the same relay as theirs. */
class Workers {
  readonly clock = new MovableClock()
  readonly #peers = new Map<number, WorkerPeers>()
  readonly #count: number
  readonly #relay = new FigureRelay((worker, message) => this.#tell(worker, message))
  /** Those that hear nothing. */
  readonly deaf = new Set<number>()

  constructor(count: number) {
    this.#count = count
  }

  /** A process in this worker's place that has counted so many logins, and has a credential that lives so long. */
  async start(number: number, { logins, secondsLeft }: { logins: number; secondsLeft: number }): Promise<void> {
    this.deaf.delete(number)
    const peers = new WorkerPeers({
      ...{ others: this.#count - 1, clock: this.clock },
      send: (message) => {
        const others = [...this.#peers.keys()].filter((other) => other !== number)
        if (message.type === 'started') this.#relay.started(number)
        else if (message.type !== 'cannot-start') this.#relay.receive(number, structuredClone(message), others)
      },
    })
    this.#peers.set(number, peers)
    await peers.join()
    peers.answerFrom(registryOf(logins, secondsLeft))
  }

  /** The page, as this worker shows it. */
  async page(number: number): Promise<string> {
    return (await (await this.#peers.get(number)?.all())?.metrics()) ?? ''
  }

  #tell(worker: number, message: ToWorker): void {
    if (message.type !== 'end' && !this.deaf.has(worker)) this.#peers.get(worker)?.receive(message)
  }
}

function registryOf(logins: number, secondsLeft: number): Registry {
  const registry = new Registry()
  const registers = [registry]
  new Counter({ name: 'logins_total', help: 'h', labelNames: ['account'], registers }).inc({ account: 'a' }, logins)
  new Histogram({ name: 'seconds', help: 'h', buckets: [1, 2], registers }).observe(logins)
  new Gauge({ name: 'seconds_left', help: 'h', registers }).set(secondsLeft)
  new Gauge({ name: 'nobody_knows', help: 'h', registers }).set(Number.NaN)
  new Gauge({ name: 'wechat_hub_process_open_fds', help: 'h', registers }).set(10)
  new Gauge({ name: workersMetric, help: 'h', registers }).set(1)
  new Gauge({ name: silentMetric, help: 'h', registers }).set(0)
  return registry
}

const three = async () => {
  const workers = new Workers(3)
  await workers.start(1, { logins: 1, secondsLeft: 0 })
  await workers.start(2, { logins: 2, secondsLeft: 7100 })
  await workers.start(3, { logins: 3, secondsLeft: 7200 })
  return workers
}

it('sums what is counted, and takes the greatest of what all share, whoever is asked', async () => {
  const workers = await three()
  for (const asked of [1, 2, 3]) {
    const page = await workers.page(asked)
    expect(page).toContain('logins_total{account="a"} 6\n')
    expect(page).toContain('seconds_bucket{le="2"} 2\n')
    expect(page).toContain('seconds_count 3\n')
    expect(page).toContain('seconds_left 7200\n')
    expect(page).toContain('wechat_hub_process_open_fds 30\n')
    expect(page).toContain('wechat_hub_workers 3\n')
    expect(page).toContain('wechat_hub_workers_silent 0\n')
  }
})

it('leaves out who does not answer within a second, counts it, and keeps what it had counted', async () => {
  const workers = await three()
  await workers.page(1)
  workers.deaf.add(3)
  let page: string | undefined
  const asked = workers.page(1).then((text) => {
    page = text
  })
  await workers.clock.advance(999)
  expect(page).toBe(undefined)
  await workers.clock.advance(1)
  await asked
  expect(page).toContain('seconds_left 7100\n')
  expect(page).toContain('logins_total{account="a"} 6\n')
  expect(page).toContain('wechat_hub_workers 2\n')
  expect(page).toContain('wechat_hub_workers_silent 1\n')
})

it('goes on from what those before it in its place had counted', async () => {
  const workers = await three()
  await workers.page(1)
  for (let life = 0; life < 3; life += 1) {
    await workers.start(3, { logins: 10, secondsLeft: 7200 })
    await workers.page(2)
  }
  const page = await workers.page(3)
  expect(page).toContain('logins_total{account="a"} 36\n')
  expect(page).toContain('seconds_count 6\n')
  expect(page).toContain('wechat_hub_workers 3\n')
})

it('answers several who ask at once', async () => {
  const workers = await three()
  const pages = await Promise.all([1, 2, 3, 1].map((asked) => workers.page(asked)))
  expect(pages.filter((page) => page.includes('logins_total{account="a"} 6\n'))).toHaveLength(4)
})
