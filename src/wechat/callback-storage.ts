import type { WechatOptions } from './options.js'
import { endlessLease, memoryStorage, type Storage } from './storage.js'

/** The storage that the options describe. What no callback stores stays in memory. */
export function storageOf(options: WechatOptions): Storage {
  if (options.storage !== undefined) return options.storage
  const memory = memoryStorage()
  const { getAccessToken, saveAccessToken, lock } = options
  return {
    read: (name) => (name === 'access_token' && getAccessToken ? readOrNothing(getAccessToken) : memory.read(name)),
    save: (name, record) =>
      name === 'access_token' && saveAccessToken
        ? saveAccessToken({ access_token: '', ...record })
        : memory.save(name, record),
    lock: lock ?? ((_name, work) => work(endlessLease)),
  }
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
