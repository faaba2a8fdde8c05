let second = Number.NaN
let textOfSecond = ''

/** The `time` of a log line in ISO 8601. Lines come in thousands a second: all but the milliseconds is kept. */
export function timeField(): string {
  const now = Date.now()
  if (Math.floor(now / 1000) !== second) {
    second = Math.floor(now / 1000)
    textOfSecond = new Date(second * 1000).toISOString().slice(0, -4)
  }
  return `,"time":"${textOfSecond}${String(now % 1000).padStart(3, '0')}Z"`
}
