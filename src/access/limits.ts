import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { HttpError } from '../http/error.js'
import { addressGroup } from './address-group.js'

const minute = 60

/** Most addresses that are remembered: some MB. Beyond it the one that was seen first is forgotten. */
const mostAddresses = 10_000

export interface LimitsOptions {
  /** Requests a minute of one client. 0: any number. */
  readonly clientPerMinute: number
  /** Requests a minute from one address that show no right key. 0: any number. */
  readonly refusedPerMinute: number
  /** Requests a minute from one address for signatures of pages. 0, the default: any number. */
  readonly pagesPerMinute?: number
}

export type Limit = 'client' | 'address' | 'page'

type Refused = (limit: Limit) => void

/**
 * How many requests the hub takes in a minute, which begins with the first of them. Each method counts one request and
 * answers the refusal (429, with `retryAfter`) if it is one too many. What is refused counts too, and does not prolong
 * the minute. Its time is that of the process, not of a `Clock`: the library takes none.
 */
export class Limits {
  readonly #clients: Tally | undefined
  readonly #pages: Tally | undefined
  readonly #addresses: RateLimiterMemory | undefined
  readonly #known: Known
  readonly #refused: Refused

  /** `refused` is told of each refusal. */
  constructor(options: LimitsOptions, refused: Refused = () => undefined) {
    const { clientPerMinute, refusedPerMinute, pagesPerMinute = 0 } = options
    this.#clients = tally(clientPerMinute)
    this.#pages = tally(pagesPerMinute)
    this.#addresses = limiter(refusedPerMinute)
    // The library keeps each key until its minute is over.
    this.#known = new Known((group) => void this.#addresses?.delete(group))
    this.#refused = refused
  }

  /**
   * A request of a client, by its name. Answers at once, since each request of each client comes by here; so of those that
   * come in one instant, as on one connection one behind the other, more may pass.
   */
  client(name: string): HttpError | undefined {
    const wait = this.#clients?.count(name)
    if (wait === undefined) return undefined
    this.#refused('client')
    return tooMany('this client has asked too often', wait, 'spread its requests, or raise limits.clientPerMinute')
  }

  /** A request for the signature of a page, from an address. Answers at once, as `client` does. */
  page(address: string): HttpError | undefined {
    const wait = this.#pages?.count(addressGroup(address))
    if (wait === undefined) return undefined
    this.#refused('page')
    return tooMany('too many pages asked from this address', wait, 'sign a page once; or raise limits.pagesPerMinute')
  }

  /** A request from an address that showed no right key: those that show one are not to be asked about here. */
  async stranger(address: string): Promise<HttpError | undefined> {
    if (this.#addresses === undefined) return undefined
    const group = addressGroup(address)
    this.#known.add(group)
    const wait = await take(this.#addresses, group)
    if (wait === undefined) return undefined
    this.#refused('address')
    return tooMany('too many requests without a right key came from this address', wait, 'send a right key')
  }
}

/** The keys that a limiter counts for, in the order in which they were first seen, up to a bound. */
class Known {
  readonly #keys = new Set<string>()
  readonly #forget: (key: string) => void

  /** `forget` is told of each key that has to go for another. */
  constructor(forget: (key: string) => void) {
    this.#forget = forget
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  add(key: string): void {
    if (this.#keys.has(key)) return
    const [oldest] = this.#keys.size < mostAddresses ? [] : this.#keys
    if (oldest !== undefined) {
      this.#keys.delete(oldest)
      this.#forget(oldest)
    }
    this.#keys.add(key)
  }
}

/** Counts at once. The library counts at once too, but tells by a promise. */
class Tally {
  readonly #limiter: RateLimiterMemory
  /** Until when, by `performance.now()`, a key has had its requests. */
  readonly #spent = new Map<string, number>()
  readonly #known = new Known((key) => {
    this.#spent.delete(key)
    void this.#limiter.delete(key)
  })

  constructor(limiter: RateLimiterMemory) {
    this.#limiter = limiter
  }

  /** Counts one for the key. Seconds until its minute is over, if that was one too many. */
  count(key: string): number | undefined {
    const until = this.#spent.get(key)
    const now = performance.now()
    if (until !== undefined && now < until) return Math.max(1, Math.ceil((until - now) / 1000))
    this.#known.add(key)
    const spent = ({ remainingPoints, msBeforeNext }: RateLimiterRes) => {
      if (remainingPoints === 0 && this.#known.has(key)) this.#spent.set(key, performance.now() + msBeforeNext)
      else this.#spent.delete(key)
    }
    this.#limiter.consume(key).then(spent, spent)
    return undefined
  }
}

function tally(perMinute: number): Tally | undefined {
  const counts = limiter(perMinute)
  return counts === undefined ? undefined : new Tally(counts)
}

function limiter(perMinute: number): RateLimiterMemory | undefined {
  return perMinute === 0 ? undefined : new RateLimiterMemory({ points: perMinute, duration: minute })
}

/** Counts one for the key. Seconds until its minute is over, if that was one too many. */
async function take(limiter: RateLimiterMemory | undefined, key: string): Promise<number | undefined> {
  try {
    await limiter?.consume(key)
    return undefined
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal
    return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
  }
}

function tooMany(errmsg: string, retryAfter: number, hint: string): HttpError {
  return new HttpError(429, errmsg, { retryAfter, hint })
}
