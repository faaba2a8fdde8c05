import { randomBytes } from 'node:crypto'

/** A positive number of 64 bits lies below. */
const half = 2n ** 62n

/**
 * The ids of ordinary messages, decimal, from 2^62 up: so far beyond 2^53 that neighbours are one to whoever reads them
 * as doubles. The first is random, so that no two sandboxes give the same ones.
 */
export class MessageIDs {
  #latest = half + (randomBytes(8).readBigUInt64BE() % (half / 2n))

  next(): string {
    this.#latest += 1n
    return String(this.#latest)
  }
}
