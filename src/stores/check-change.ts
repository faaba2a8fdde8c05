import type { Change, KeyRange } from './store.js'

/** @throws {TypeError} when a change is none that a KeyValueStore takes. */
export function checkChange(change: Change): void {
  checkText('key', keyOf(change))
  if ('remove' in change) return
  const { value, expiresAt } = change.put
  checkText('value', value)
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt >= 0)) {
    throw new TypeError('"expiresAt" must be a whole number of ms since the epoch')
  }
}

/** @throws {TypeError} when a range is none that a KeyValueStore lists. */
export function checkRange({ prefix, after, limit }: KeyRange): void {
  checkText('prefix', prefix)
  if (after !== undefined) checkText('after', after)
  if (!Number.isSafeInteger(limit) || limit < 0) throw new TypeError('"limit" must be an integer of at least 0')
}

/** UTF-8 has no lone surrogates: two keys that differ in them would become one. @throws {TypeError} */
export function checkText(name: string, text: string): void {
  if (typeof text !== 'string') throw new TypeError(`"${name}" must be a string`)
  if (/\p{Surrogate}/u.test(text)) throw new TypeError(`"${name}" must be Unicode text: it has a lone surrogate`)
}

export function keyOf(change: Change): string {
  return 'put' in change ? change.put.key : change.remove
}

/** Of several changes of one key the last one. */
export function latestOf(changes: readonly Change[]): readonly Change[] {
  return [...new Map(changes.map((change) => [keyOf(change), change])).values()]
}
