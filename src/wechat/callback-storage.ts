import type { WechatOptions } from './options.js'
import { endlessLease, memoryStorage, type Storage, type VersionedRecord } from './storage.js'
import { ticketTypes } from './ticket-endpoint.js'

/** The storage that the options describe. What no callback stores stays in memory. */
export function storageOf(options: WechatOptions): Storage {
  if (options.storage !== undefined) return options.storage
  const memory = memoryStorage()
  const callbacks = callbacksOf(options)
  return {
    read(name) {
      const read = callbacks.get(name)?.read
      return read === undefined ? memory.read(name) : readOrNothing(read)
    },
    save: (name, record) => callbacks.get(name)?.save?.(record) ?? memory.save(name, record),
    lock: options.lock ?? ((_name, work) => work(endlessLease)),
  }
}

interface Callbacks {
  readonly read: (() => Promise<unknown>) | undefined
  readonly save: ((record: VersionedRecord) => Promise<unknown>) | undefined
}

/** What reads and saves each record, by its name. */
function callbacksOf(options: WechatOptions): ReadonlyMap<string, Callbacks> {
  const { getAccessToken, saveAccessToken, getTicket, saveTicket } = options
  const tickets = ticketTypes.map((type): [string, Callbacks] => [
    `${type}_ticket`,
    {
      read: getTicket && (() => getTicket(type)),
      save: saveTicket && ((record) => saveTicket(type, { ticket: '', ...record })),
    },
  ])
  const save = saveAccessToken && ((record: VersionedRecord) => saveAccessToken({ access_token: '', ...record }))
  return new Map([['access_token', { read: getAccessToken, save }], ...tickets])
}

/** The articles' `getAccessToken` rejects where there is no file yet: that is no failure. */
async function readOrNothing(read: () => Promise<unknown>): Promise<unknown> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
