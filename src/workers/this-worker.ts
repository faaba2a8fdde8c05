import type { Registry } from 'prom-client'

/** How many workers' figures are on a page. */
export const workersMetric = 'wechat_hub_workers'
/** How many workers are left out of it. */
export const silentMetric = 'wechat_hub_workers_silent'

/** The other workers of the hub, for what only all together can tell. */
export interface Peers {
  /** Where this worker's own metrics are. */
  answerFrom(registry: Registry): void
  /** The metrics of all workers as one. Resolves within a second; whoever has not answered by then is left out. */
  all(): Promise<Registry>
}

/** What this process is in a hub of several. */
export interface ThisWorker {
  /** From 1 on. The one that takes a dead worker's place has its number. */
  readonly number: number
  readonly peers: Peers
}

let present: ThisWorker | undefined

/** Makes this process a worker, for good. Comes before all that asks `thisWorker`. */
export function becomeWorker(worker: ThisWorker): void {
  present = worker
}

/** Undefined in a hub of one process. */
export function thisWorker(): ThisWorker | undefined {
  return present
}
