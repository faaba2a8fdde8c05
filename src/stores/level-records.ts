import { type Entry, StoreError } from './store.js'

/*
 * What LevelDB holds. A record: `r<key>` -> `<its end, in ms since the epoch, or nothing>:<value>`. For each record with an
 * end also an empty `x<end, 16 digits><key>`, written and removed in the same batch: so those lie in the order of ends.
 */
const records = 'r'
const ends = 'x'
const endDigits = 16
const endFormat = /^x(\d{16})(.*)$/su
const recordFormat = /^(\d{0,16}):/

/** The moment from which a record is gone. */
export interface End {
  readonly key: string
  readonly expiresAt: number
}

export function recordKey(key: string): string {
  return `${records}${key}`
}

export function endKey({ key, expiresAt }: End): string {
  return `${ends}${String(expiresAt).padStart(endDigits, '0')}${key}`
}

export function recordText({ value, expiresAt }: Entry): string {
  return `${expiresAt ?? ''}:${value}`
}

/** @throws {StoreError} STORE_DAMAGED */
export function entryFrom(key: string, text: string): Entry {
  const found = recordFormat.exec(text)
  if (found === null) throw new StoreError('STORE_DAMAGED', 'the store holds a record that this program did not write')
  const value = text.slice(found[0].length)
  return found[1] === '' ? { key, value } : { key, value, expiresAt: Number(found[1]) }
}

/** @throws {StoreError} STORE_DAMAGED */
export function endFrom(text: string): End {
  const [, expiresAt, key] = endFormat.exec(text) ?? []
  if (expiresAt === undefined || key === undefined) {
    throw new StoreError('STORE_DAMAGED', 'the index of ends holds what this program did not write')
  }
  return { key, expiresAt: Number(expiresAt) }
}

export function lives({ expiresAt }: Entry, now: number): boolean {
  return expiresAt === undefined || now < expiresAt
}

/** Where the ends lie that have come by `now`. */
export function endsUntil(now: number): { gte: string; lt: string } {
  return { gte: ends, lt: endKey({ key: '', expiresAt: Math.floor(now) + 1 }) }
}

/** Where the records lie whose keys begin with `prefix` and come after `after`. */
export function recordsBehind(prefix: string, after: string | undefined): { gte?: Buffer; gt?: Buffer; lt: Buffer } {
  const first = Buffer.from(recordKey(prefix))
  // No byte of UTF-8 is 0xff: this comes after all that begin with the prefix.
  const lt = Buffer.concat([first, Buffer.of(0xff)])
  const last = after === undefined ? undefined : Buffer.from(recordKey(after))
  return last === undefined || Buffer.compare(last, first) < 0 ? { gte: first, lt } : { gt: last, lt }
}

/** The key of a record, from its key in LevelDB. */
export function keyFrom(found: Buffer): string {
  return found.toString('utf8', records.length)
}
