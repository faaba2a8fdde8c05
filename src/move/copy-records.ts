import type { Change, Entry } from '../stores/store.js'
import type { Kind, Place } from './place.js'

/** How many records, and how many characters of them, are written in one go. */
const most = { records: 500, characters: 1024 * 1024 }

export interface CopyOptions {
  readonly from: Place
  readonly to: Place
  readonly appID: string
  readonly kind: Kind
  /** What is stored in the place of a record. */
  readonly become: (entry: Entry) => Promise<Entry>
  /** Told now and then how many there were so far. */
  readonly progress: (count: number) => void
}

/** Copies an account's records of a kind, in place of all of that kind that the target has. Answers how many. */
export async function copyRecords({ from, to, appID, kind, become, progress }: CopyOptions): Promise<number> {
  await removeAll(to, appID, kind)
  let count = 0
  for await (const entries of batches(from.records(appID, kind))) {
    const changes: Change[] = []
    for (const entry of entries) changes.push({ put: await become(entry) })
    await to.stores.records.write(changes)
    count += changes.length
    progress(count)
  }
  return count
}

/** Whether there is any record of an account. */
export async function hasRecords(place: Place, appID: string, kind: Kind): Promise<boolean> {
  for await (const _ of place.records(appID, kind)) return true
  return false
}

async function removeAll(place: Place, appID: string, kind: Kind): Promise<void> {
  for await (const entries of batches(place.records(appID, kind))) {
    await place.stores.records.write(entries.map(({ key }) => ({ remove: key })))
  }
}

async function* batches(entries: AsyncIterable<Entry>): AsyncGenerator<readonly Entry[]> {
  let batch: Entry[] = []
  let characters = 0
  for await (const entry of entries) {
    batch.push(entry)
    characters += entry.key.length + entry.value.length
    if (batch.length < most.records && characters < most.characters) continue
    yield batch
    batch = []
    characters = 0
  }
  if (batch.length > 0) yield batch
}
