import type { ErrorLog } from '../error-log.js'
import { isAway } from '../stores/store.js'
import type { SigningKeysEvent } from './signing-keys.js'

/** Writes what happens to the keys that hub tokens are signed with into the log. */
export function logSigningKeys(log: ErrorLog, event: SigningKeysEvent): void {
  if (event.type === 'set-aside') {
    const about = { event: 'hub-token-keys-set-aside', where: event.where }
    log.error(about, 'the stored keys of hub tokens were broken: SDKs may have to fetch new tokens')
  } else if (event.type === 'unusable') {
    // That Redis is away has been told.
    if (isAway(event.error)) return
    const about = { event: 'hub-token-keys-unusable', err: event.error }
    log.error(about, 'the stored keys of hub tokens cannot be read: those that are known remain')
  } else {
    log.error({ event: 'hub-token-keys-failed', err: event.error }, 'no new key for hub tokens could be saved')
  }
}
