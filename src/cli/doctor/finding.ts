/** What the doctor has to say of one thing. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string
  readonly result: 'ok' | 'wrong' | 'warning' | 'unknown'
  readonly what: string
  /** What to do about it. */
  readonly remedy?: string
  /** Whose it is; none: the hub's. */
  readonly account?: string
}

/** `1 key`, `2 keys`. */
export function counted(number: number, name: string): string {
  return `${number} ${name}${number === 1 ? '' : 's'}`
}
