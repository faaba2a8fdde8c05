import { StoreError } from '../store.js'

/** What a Redis answers that is there, but takes nothing at present: it starts, is a replica by now, or has lost its cluster. */
const awayReplies = ['READONLY', 'LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'NOREPLICAS', 'BUSY', 'UNBLOCKED']

/** An error that Redis, or a sentinel, answers. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal'

  /** The word of capitals with which Redis begins it; what follows can hold what was sent. */
  get code(): string {
    // Before version 7 the error of a command in a script stands within another one.
    const inScript = /^ERR Error running script .*? -([A-Z]+) /s.exec(this.message)?.[1]
    return inScript ?? /^[A-Z]+/.exec(this.message)?.[0] ?? 'ERR'
  }

  /** Whether the same may be taken later, without anybody's doing. */
  get isPassing(): boolean {
    return awayReplies.includes(this.code)
  }
}

/** So much waits for Redis that nothing is added. It says nothing about whether Redis answers. */
export class TooMuchWaiting extends StoreError {
  constructor() {
    super('STORE_AWAY', 'too much waits for Redis')
  }
}

/** What became of a command, in our words. A refusal is no sign that Redis is away, unless it is a passing one. */
export function failureFrom(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  if (!(error instanceof Refusal)) return new StoreError('STORE_AWAY', 'Redis cannot be reached', error)
  if (error.isPassing) return new StoreError('STORE_AWAY', `Redis takes nothing at present (${error.code})`, error)
  return new StoreError('STORE_FAILED', `Redis refused a command (${error.code})`, error)
}

/** Whether Redis has never seen the script, or has lost it. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'NOSCRIPT'
}
