import type { Figure, Target, Unit } from './figure.js'

const titles = ['', 'hub', 'compared with', '', 'ratio (min - max)', 'target', '']

/** The figures as lines of text, in columns. */
export function table(figures: readonly Figure[]): string {
  const rows = [titles, ...figures.map(row)]
  const widths = titles.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
  const line = (cells: readonly string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  return rows.map((cells) => `${line(cells).trimEnd()}\n`).join('')
}

function row({ name, unit, measured, yardstick, compared, ratio, target, met }: Figure): string[] {
  return [
    name,
    amount(measured.median, unit, target),
    yardstick,
    amount(compared.median, unit),
    `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)} - ${ratio.max.toFixed(2)})`,
    target === undefined ? '' : bound(target, unit),
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ]
}

function amount(value: number, unit: Unit, target?: Target): string {
  if (unit === 'calls/s') return `${(value / 1e6).toFixed(2)} M/s`
  if (unit === 'pushes/s') return `${(value / 1e3).toFixed(1)} k/s`
  if (unit !== 'MB') return `${value.toFixed(decimals(value, unit))} ${unit}`
  // Which of the two megabytes is meant decides only here.
  const mebibytes = (value * 1e6) / 2 ** 20
  const most = target?.atMost ?? 0
  return `${value.toFixed(1)} MB${value > most && mebibytes <= most ? ` (${mebibytes.toFixed(1)} MiB)` : ''}`
}

function decimals(value: number, unit: Unit): number {
  if (unit !== 'ms') return 1
  return value < 10 ? 2 : 0
}

function bound({ of, atMost, atLeast }: Target, unit: Unit): string {
  const sign = atMost === undefined ? '>=' : '<='
  const value = atMost ?? atLeast ?? 0
  if (of === 'ratio') return `ratio ${sign} ${value}`
  return unit === 'calls/s' ? `${sign} ${value / 1e6} M/s` : `${sign} ${value} ${unit}`
}
