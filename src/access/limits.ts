import { HttpError } from '../http/error.js'
import { Tally } from '../http/tally.js'
import type { SharedCounts } from '../stores/store.js'
import { type Clock, systemClock } from '../wechat/clock.js'
import { addressGroup } from './address-group.js'

export interface LimitsOptions {
  /** Requests a minute of one client. 0: any number. */
  readonly clientPerMinute: number
  /** Requests a minute from one address that show no right key. 0: any number. */
  readonly refusedPerMinute: number
  /** Requests a minute from one address for signatures of pages. 0, the default: any number. */
  readonly pagesPerMinute?: number
  /** What these limits are called where several processes count. Default `hub`. */
  readonly name?: string
}

export type Limit = 'client' | 'address' | 'page'

type Refused = (limit: Limit) => void

export interface LimitsParts {
  /** Told of each refusal. */
  readonly refused?: Refused
  readonly clock?: Clock
  /** Where processes that act as one hub count together. Default: this one counts alone. */
  readonly counts?: SharedCounts | undefined
}

/**
 * How many requests the hub takes in a minute, which begins with the first of them. Each method counts one request and
 * answers the refusal (429, with `retryAfter`) if it is one too many.
 */
export class Limits {
  readonly #clients: Tally | undefined
  readonly #pages: Tally | undefined
  readonly #addresses: Tally | undefined
  readonly #refused: Refused

  constructor(options: LimitsOptions, { refused = () => undefined, clock = systemClock, counts }: LimitsParts = {}) {
    const { clientPerMinute, refusedPerMinute, pagesPerMinute = 0, name = 'hub' } = options
    const tally = (kind: Limit, perMinute: number) => {
      const shared = counts && { counts, name: `${name}:${kind}` }
      return perMinute === 0 ? undefined : new Tally({ perMinute, clock, shared })
    }
    this.#clients = tally('client', clientPerMinute)
    this.#pages = tally('page', pagesPerMinute)
    this.#addresses = tally('address', refusedPerMinute)
    this.#refused = refused
  }

  /** A request of a client, by its name. */
  client(name: string): HttpError | undefined {
    const wait = this.#clients?.count(name)
    if (wait === undefined) return undefined
    this.#refused('client')
    return tooMany('this client has asked too often', wait, 'spread its requests, or raise limits.clientPerMinute')
  }

  /** A request for the signature of a page, from an address. */
  page(address: string): HttpError | undefined {
    const wait = this.#pages?.count(addressGroup(address))
    if (wait === undefined) return undefined
    this.#refused('page')
    return tooMany('too many pages asked from this address', wait, 'sign a page once; or raise limits.pagesPerMinute')
  }

  /** A request from an address that showed no right key: those that show one are not to be asked about here. */
  async stranger(address: string): Promise<HttpError | undefined> {
    const wait = this.#addresses?.count(addressGroup(address))
    if (wait === undefined) return undefined
    this.#refused('address')
    return tooMany('too many requests without a right key came from this address', wait, 'send a right key')
  }
}

function tooMany(errmsg: string, retryAfter: number, hint: string): HttpError {
  return new HttpError(429, errmsg, { retryAfter, hint })
}
