import type { StoreEvent } from '../stores/level.js'
import type { Logger } from './log.js'

const sentences: Readonly<Record<StoreEvent['type'], string>> = {
  'store-set-aside': 'the store was damaged; `where` tells where it was put, and an empty one took its place',
  'store-in-memory': 'the store can not be had from the disk; it is kept in memory, and ends with this process',
  'store-damaged': 'the store is damaged; at the next start it is set aside',
  'store-away':
    'the store could not write; look at the disk. It takes no change until it has been opened anew, which is tried each second',
  'store-back': 'the store takes changes again; nothing is lost',
  'store-sweep-failed': 'what has expired in the store was not removed; it is tried again',
}

/** Writes what becomes of the store as lines that a person on call understands. */
export function logStore(log: Pick<Logger, 'info' | 'error'>, event: StoreEvent): void {
  const sentence = sentences[event.type]
  if (event.type === 'store-back') log.info({ event: event.type }, sentence)
  else {
    const { type, error, ...details } = event
    log.error({ event: type, ...details, err: error }, sentence)
  }
}
