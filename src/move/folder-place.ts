import { statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { errorCode } from '../error-code.js'
import { type StoreEvent, StoreInUseError } from '../stores/level.js'
import { openLocalStores } from '../stores/local-stores.js'
import type { Entry, KeyValueStore } from '../stores/store.js'
import { systemClock } from '../wechat/clock.js'
import { MoveError } from './move-error.js'
import { type Kind, kindNames, type Place } from './place.js'

/** How many records are read in one go. */
const page = 1000

/** `tell` is told, in a sentence, what an operator should know. @throws {MoveError} when a hub runs on the folder, or it cannot be used. */
export async function openFolder(folder: string, tell: (line: string) => void): Promise<Place> {
  let unusable: unknown
  const onEvent = (event: StoreEvent) => {
    if (event.type === 'store-in-memory') unusable = event.error
    if (event.type === 'store-set-aside') {
      tell(
        `The store in ${folder} was damaged. It is now ${event.where}; its sessions, users and messages are not copied.`,
      )
    }
  }
  const stores = await openLocalStores(folder, { clock: systemClock, onEvent }).catch((error: unknown) => {
    throw error instanceof StoreInUseError ? new MoveError(inUse(folder)) : error
  })
  if (unusable !== undefined) {
    await stores.close()
    throw new MoveError(
      `the store in ${folder} cannot be opened (${errorCode(unusable) ?? 'unknown error'}): is the folder the hub's, and writable?`,
    )
  }
  return {
    where: folder,
    stores,
    accounts: async () => new Set([...(await foldersIn(folder)), ...(await accountsIn(stores.records))]),
    records: (appID, kind) => listed(stores.records, appID, kind),
    // Nobody else can have it open.
    isInUse: async () => false,
    close: () => stores.close(),
  }
}

/** @throws {MoveError} when there is no such folder. */
export function expectFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
  throw new MoveError(`there is no folder ${folder}: give the hub's data folder, or the URL of its Redis`)
}

function inUse(folder: string): string {
  return `a hub runs on ${folder}: stop the hub first, and start it again when all is copied`
}

/** Each account's credentials have a folder of their own. */
async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory() && /^wx[0-9A-Za-z]{16}$/.test(entry.name))
    .map(({ name }) => name)
}

/** From each account to the next one, without the records between. */
async function accountsIn(records: KeyValueStore): Promise<Set<string>> {
  const found = new Set<string>()
  for (const kind of kindNames()) {
    const prefix = `${kind}/`
    for (let after = prefix; ; ) {
      const [entry] = await records.list({ prefix, after, limit: 1 })
      if (entry === undefined) break
      const [, appID = '', rest] = entry.key.split('/', 3)
      if (rest !== undefined) found.add(appID)
      // In ASCII 0 comes after the slash.
      after = rest === undefined ? entry.key : `${prefix}${appID}0`
    }
  }
  return found
}

async function* listed(records: KeyValueStore, appID: string, kind: Kind): AsyncGenerator<Entry> {
  const prefix = `${kind}/${appID}/`
  for (let after = prefix; ; ) {
    const entries = await records.list({ prefix, after, limit: page })
    yield* entries
    const last = entries.at(-1)
    if (last === undefined || entries.length < page) return
    after = last.key
  }
}
