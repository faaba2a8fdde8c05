import { type Period, periodOf } from './calendar.js'

/** How many calls of one name an account has in a calendar minute, day or month (UTC+8). */
export interface Quota {
  readonly name: string
  readonly per: Period
  readonly limit: number
}

/** One counter, as it is kept on disk. */
export interface Count {
  appid: string
  name: string
  period: string
  used: number
}

/** What every account has used of its quotas in the current minute, day and month. */
export class Quotas {
  readonly #now: () => number
  readonly #counts = new Map<string, Count>()

  constructor(now: () => number, counts: readonly Count[] = []) {
    this.#now = now
    for (const count of counts) this.#counts.set(keyOf(count.appid, count.name), { ...count })
  }

  /** Uses up `times` of the quota (default 1). False, and nothing is counted, when that is more than is left. */
  take(appID: string, quota: Quota, times = 1): boolean {
    const used = this.used(appID, quota)
    if (used + times > quota.limit) return false
    const count = { appid: appID, name: quota.name, period: periodOf(this.#now(), quota.per), used: used + times }
    this.#counts.set(keyOf(appID, quota.name), count)
    return true
  }

  used(appID: string, quota: Quota): number {
    const count = this.#counts.get(keyOf(appID, quota.name))
    return count?.period === periodOf(this.#now(), quota.per) ? count.used : 0
  }

  /** Sets the account's counters to zero, all but the one called `except`. */
  clear(appID: string, except: string): void {
    for (const [key, count] of this.#counts) {
      if (count.appid === appID && count.name !== except) this.#counts.delete(key)
    }
  }

  toJSON(): Count[] {
    return [...this.#counts.values()]
  }
}

function keyOf(appID: string, name: string): string {
  return JSON.stringify([appID, name])
}
