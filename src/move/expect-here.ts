import { StoreError } from '../stores/store.js'
import type { Stores } from '../stores/stores.js'
import { readMark } from './mark.js'

/**
 * A hub on what was moved away would fetch tokens past the hubs that use it now, and each would end the other's.
 *
 * @throws {StoreError} STORE_MOVED when this store was moved to another place, or is not yet wholly here.
 */
export async function expectHere(stores: Pick<Stores, 'text'>): Promise<void> {
  const mark = await readMark(stores)
  if (mark === undefined || mark.state === 'here') return
  const { where } = stores.text('move')
  const remedy =
    mark.state === 'moved'
      ? 'start the hub on that, or move it back with wechat-hub migrate'
      : 'run wechat-hub migrate again, which completes it'
  const happened =
    mark.state === 'moved'
      ? `this store was moved to ${mark.other} at ${mark.at}`
      : `this store is being copied from ${mark.other}, and not all of it is here`
  throw new StoreError('STORE_MOVED', `${happened}: ${remedy}. To use what is here all the same, remove ${where}`)
}
