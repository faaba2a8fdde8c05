import type { ErrorLog } from '../error-log.js'
import type { SessionKeysEvent } from './session-keys.js'

/** Writes what happens to the keys that session_keys are enciphered with into the log. */
export function logSessionKeys(log: ErrorLog, event: SessionKeysEvent): void {
  if (event.type === 'session-keys-set-aside') {
    const about = { event: event.type, where: event.where }
    log.error(about, 'the file of session keys was broken: users must log in again before their data can be read')
  } else {
    log.error({ event: event.type, err: event.error }, 'no new session key could be saved')
  }
}
