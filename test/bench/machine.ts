import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'

/** Where the figures were measured. */
export interface Machine {
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly memoryMB: number
  /** Of the minute before: what else the machine was doing. */
  readonly load: number
}

export function machine(): Machine {
  return {
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryMB: Math.round(totalmem() / 1e6),
    load: loadavg()[0] ?? 0,
  }
}
