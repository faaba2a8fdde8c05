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
}

type Refused = (limit: 'client' | 'address') => void

/**
 * How many requests the hub takes in a minute, which begins with the first of them. Each method counts one request and
 * answers the refusal (429, with `retryAfter`) if it is one too many. What is refused counts too, and does not prolong
 * the minute. Its time is that of the process, not of a `Clock`: the library takes none.
 */
export class Limits {
  readonly #clients: RateLimiterMemory | undefined
  /** Until when, by `performance.now()`, a client has had its requests. */
  readonly #spent = new Map<string, number>()
  readonly #addresses: RateLimiterMemory | undefined
  /** In the order in which they were first seen. */
  readonly #known = new Set<string>()
  readonly #refused: Refused

  /** `refused` is told of each refusal. */
  constructor({ clientPerMinute, refusedPerMinute }: LimitsOptions, refused: Refused = () => undefined) {
    this.#clients = limiter(clientPerMinute)
    this.#addresses = limiter(refusedPerMinute)
    this.#refused = refused
  }

  /**
   * A request of a client, by its name. Answers at once, since each request of each client comes by here; so of those that
   * come in one instant, as on one connection one behind the other, more may pass.
   */
  client(name: string): HttpError | undefined {
    if (this.#clients === undefined) return undefined
    const until = this.#spent.get(name)
    const now = performance.now()
    if (until === undefined || now >= until) {
      this.#count(this.#clients, name)
      return undefined
    }
    this.#refused('client')
    const wait = Math.max(1, Math.ceil((until - now) / 1000))
    return tooMany('this client has asked too often', wait, 'spread its requests, or raise limits.clientPerMinute')
  }

  /** A request from an address that showed no right key: those that show one are not to be asked about here. */
  async stranger(address: string): Promise<HttpError | undefined> {
    if (this.#addresses === undefined) return undefined
    const group = addressGroup(address)
    this.#remember(group, this.#addresses)
    const wait = await take(this.#addresses, group)
    if (wait === undefined) return undefined
    this.#refused('address')
    return tooMany('too many requests without a right key came from this address', wait, 'send a right key')
  }

  /** The library counts at once, and tells by a promise. */
  #count(clients: RateLimiterMemory, name: string): void {
    const spent = ({ remainingPoints, msBeforeNext }: RateLimiterRes) => {
      if (remainingPoints === 0) this.#spent.set(name, performance.now() + msBeforeNext)
      else this.#spent.delete(name)
    }
    clients.consume(name).then(spent, spent)
  }

  #remember(group: string, addresses: RateLimiterMemory): void {
    if (this.#known.has(group)) return
    const [oldest] = this.#known.size < mostAddresses ? [] : this.#known
    if (oldest !== undefined) {
      this.#known.delete(oldest)
      // The library keeps each key until its minute is over.
      void addresses.delete(oldest)
    }
    this.#known.add(group)
  }
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
