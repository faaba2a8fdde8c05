import type { Clock } from '../wechat/clock.js'

/** What the work gives, or `undefined` after `ms`. */
export function inTime<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = clock.after(ms, () => resolve(undefined))
    work.then(resolve, reject).finally(stop)
  })
}
