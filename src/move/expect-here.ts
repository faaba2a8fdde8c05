import { StoreError } from '../stores/store.js'
import type { Stores } from '../stores/stores.js'
import { type Mark, readMark } from './mark.js'

/**
 * A hub on what was moved away would fetch tokens past the hubs that use it now, and each would end the other's.
 *
 * @throws {StoreError} STORE_MOVED when this store was moved to another place, is on its way there, or is not yet wholly here.
 */
export async function expectHere(stores: Pick<Stores, 'text'>): Promise<void> {
  const mark = await readMark(stores)
  if (mark === undefined || mark.state === 'here') return
  const { where } = stores.text('move')
  const [happened, remedy] = inWords(mark)
  throw new StoreError('STORE_MOVED', `${happened}: ${remedy}. To use what is here all the same, remove ${where}`)
}

function inWords({ state, other, at }: Mark): readonly [happened: string, remedy: string] {
  const again = 'run wechat-hub migrate again, which completes it'
  switch (state) {
    case 'moved':
      return [
        `this store was moved to ${other} at ${at}`,
        'start the hub on that, or move it back with wechat-hub migrate',
      ]
    case 'leaving':
      return [
        `this store is being moved to ${other} since ${at}`,
        `wait until that has ended, and start the hub there. If it was interrupted, ${again}`,
      ]
    default:
      return [`this store is being copied from ${other}, and not all of it is here`, again]
  }
}
