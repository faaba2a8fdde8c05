import { InFlight } from './in-flight.js'

/** One request to the API, without its query, which holds secrets. */
export interface RecordedRequest {
  readonly method: string
  readonly path: string
  /** In ms since the epoch, by the sandbox's clock. */
  readonly at: number
  /** The HTTP status. 0 while there is no answer, and for good when there never is one. */
  status: number
  errcode?: number
}

export interface RequestList {
  /** How many there were, exact. */
  count: number
  /** The same per path. */
  counts: Record<string, number>
  /** The latest 10,000, oldest first. */
  requests: RecordedRequest[]
  /** The greatest number of token requests under way at one time, per appid. */
  maxInFlight: Record<string, number>
}

const kept = 10_000
/** Beyond so many different paths, new ones are counted together. */
const paths = 1000

/** What the API was asked, since the start or the last `clear()`. */
export class Requests {
  readonly inFlight = new InFlight()
  readonly #now: () => number
  #latest: RecordedRequest[] = []
  #counts = new Map<string, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Notes a request on its arrival; the caller fills in how it was answered. */
  open(method: string, path: string): RecordedRequest {
    const request: RecordedRequest = { method, path, at: this.#now(), status: 0 }
    this.#latest.push(request)
    if (this.#latest.length > kept) this.#latest.shift()
    const name = this.#counts.has(path) || this.#counts.size < paths ? path : '(others)'
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
    return request
  }

  /** Those whose path begins with `prefix`. Default: all. */
  list(prefix = ''): RequestList {
    const counts = [...this.#counts].filter(([path]) => path.startsWith(prefix))
    return {
      count: counts.reduce((sum, [, count]) => sum + count, 0),
      counts: Object.fromEntries(counts),
      requests: this.#latest.filter((request) => request.path.startsWith(prefix)),
      maxInFlight: this.inFlight.toJSON(),
    }
  }

  /** How often this very path was asked for. */
  count(path: string): number {
    return this.#counts.get(path) ?? 0
  }

  clear(): void {
    this.#latest = []
    this.#counts = new Map()
    this.inFlight.clear()
  }
}
