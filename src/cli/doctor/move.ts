import { readMark } from '../../move/mark.js'
import type { HubStores } from '../hub-stores.js'
import type { Finding } from './finding.js'

/** Whether what the hub uses was moved away, or has not come whole. Nothing is said where it was not. */
export async function examineMove(stores: HubStores): Promise<Finding[]> {
  const check = 'migration'
  const mark = await readMark(stores).catch(() => undefined)
  if (mark === undefined || mark.state === 'here') return []
  if (mark.state === 'copying') {
    const what = `not all has come from ${mark.other}: it was interrupted`
    return [{ check, result: 'wrong', what, remedy: 'Stop the hubs, and run the same "wechat-hub migrate" once more.' }]
  }
  if (mark.state === 'leaving') {
    const what = `since ${mark.at} all is being moved to ${mark.other}: no hub starts here`
    return [
      { check, result: 'wrong', what, remedy: 'If that was interrupted, run the same "wechat-hub migrate" again.' },
    ]
  }
  const what = `on ${mark.at} all was moved to ${mark.other}: what is here is old`
  return [{ check, result: 'warning', what, remedy: 'Run the hub there (REDIS_URL, WECHAT_HUB_DATA), or move back.' }]
}
