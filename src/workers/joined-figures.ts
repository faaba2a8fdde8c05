import { AggregatorRegistry, type Registry } from 'prom-client'
import type { Figures } from './messages.js'
import { silentMetric, workersMetric } from './this-worker.js'

type Figure = Figures[number]

/** The figures of a registry. Those that are no numbers, which no message can carry, are left out. */
export async function figuresOf(registry: Registry): Promise<Figures> {
  const figures = await registry.getMetricsAsJSON()
  return figures.map((figure) => ({ ...figure, values: figure.values.filter(({ value }) => Number.isFinite(value)) }))
}

/** Those of several workers as one. */
export function joined(parts: readonly Figures[]): Registry {
  const explained = parts.map((part) => part.map((figure) => ({ ...figure, aggregator: aggregatorOf(figure) })))
  return AggregatorRegistry.aggregate(explained)
}

/** Those that only ever grow: what a worker had counted stays true without it. */
export function counted(figures: Figures): Figures {
  return figures.filter((figure) => !isGauge(figure))
}

/** That so many workers have not answered, as figures to join with those of `own` worker. */
export function silence(silent: number, own: Figures): Figures {
  return own
    .filter(({ name }) => name === silentMetric)
    .map((figure) => ({ ...figure, values: [{ value: silent, labels: {} }] }))
}

/**
 * Counters and histograms are summed. A gauge of ours tells of what the workers share, and one that has not looked yet has
 * less or 0: the greatest counts. Those of the Node process are joined as prom-client says (memory and open handles are
 * summed), but a mean of event loop lags would hide the one worker that hangs.
 */
function aggregatorOf(figure: Figure): Figure['aggregator'] {
  const { name, aggregator } = figure
  if (aggregator === 'average') return 'max'
  const isOfNode = /^wechat_hub_(?:nodejs|process)_/.test(name)
  return !isGauge(figure) || isOfNode || name === workersMetric || name === silentMetric ? aggregator : 'max'
}

/** prom-client declares numbers for the types of metrics, and gives their names. */
function isGauge({ type }: Figure): boolean {
  return String(type) === 'gauge'
}
