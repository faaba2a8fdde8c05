import { type Spread, spread } from './statistics.js'

export type Unit = 'µs/request' | 'µs/push' | 'calls/s' | 'pushes/s' | 'MB/s' | 'ms' | 'MB' | 'B/session'

export interface Target {
  readonly of: 'measured' | 'ratio'
  readonly atMost?: number
  readonly atLeast?: number
}

/** Something measured beside its yardstick, round by round. */
export interface Figure {
  readonly name: string
  readonly unit: Unit
  readonly measured: Spread
  readonly yardstick: string
  readonly compared: Spread
  /** Measured : compared, within each round. */
  readonly ratio: Spread
  readonly target?: Target
  readonly met?: boolean
}

export interface Measurement {
  readonly name: string
  readonly unit: Unit
  readonly yardstick: string
  readonly rounds: readonly { readonly measured: number; readonly compared: number }[]
  readonly target?: Target
}

export function figure({ rounds, target, ...named }: Measurement): Figure {
  const found = {
    ...named,
    measured: spread(rounds.map(({ measured }) => measured)),
    compared: spread(rounds.map(({ compared }) => compared)),
    ratio: spread(rounds.map(({ measured, compared }) => measured / compared)),
  }
  return target === undefined ? found : { ...found, target, met: meets(found[target.of].median, target) }
}

function meets(value: number, { atMost = Number.POSITIVE_INFINITY, atLeast = 0 }: Target): boolean {
  return value >= atLeast && value <= atMost
}
