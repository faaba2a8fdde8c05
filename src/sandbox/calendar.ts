/** WeChat counts its days and months in Beijing time, UTC+8. */
const beijing = 8 * 3_600_000

export type Period = 'minute' | 'day' | 'month'

const lengths = { minute: 16, day: 10, month: 7 } as const

/** The calendar minute, day or month of a moment in UTC+8, such as `2026-01-31` for a day. `moment` in ms since the epoch. */
export function periodOf(moment: number, period: Period): string {
  return new Date(moment + beijing).toISOString().slice(0, lengths[period])
}
