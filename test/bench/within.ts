import { setTimeout as wait } from 'node:timers/promises'

/** What the work gives, or an error after `ms`. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const settled = new AbortController()
  const tooSlow = wait(ms, undefined, { signal: settled.signal }).then(() => {
    throw new Error(`${what} took more than ${ms / 1000} s`)
  })
  // Called off, it rejects, and nobody is interested.
  tooSlow.catch(() => undefined)
  try {
    return await Promise.race([work, tooSlow])
  } finally {
    settled.abort()
  }
}
