import type { SessionKeys } from '../sessions/session-keys.js'
import { type Session, sealedAbout, sessionFrom, sessionText } from '../sessions/session-record.js'
import type { Entry } from '../stores/store.js'

/** The session_keys of sessions that are copied: opened with the source's keys, and sealed again with the target's. */
export class Resealing {
  readonly #from: Pick<SessionKeys, 'open'>
  readonly #to: Pick<SessionKeys, 'seal'> | undefined
  resealed = 0
  /** Of how many the key is gone, or no session_keys are wanted. */
  dropped = 0

  /** `to`: undefined: the target gets no session_keys. */
  constructor(from: Pick<SessionKeys, 'open'>, to: Pick<SessionKeys, 'seal'> | undefined) {
    this.#from = from
    this.#to = to
  }

  /** The record of a session, as the target stores it. */
  async session(appID: string, { key, value, ...rest }: Entry): Promise<Entry> {
    const session = sessionIn(value)
    if (session === undefined || session.sealed === '') return { key, value, ...rest }
    // As class Sessions has it.
    const about = sealedAbout(appID, key.slice(`s/${appID}/`.length))
    const sessionKey = this.#from.open(session.sealed, about)
    const isLost = sessionKey === undefined || this.#to === undefined
    const sealed = isLost ? '' : await this.#to.seal(sessionKey, about)
    if (isLost) this.dropped += 1
    else this.resealed += 1
    return { key, value: sessionText({ ...session, sealed }), ...rest }
  }
}

/** Whether the record of a session holds a session_key. */
export function holdsSessionKey({ value }: Entry): boolean {
  return (sessionIn(value)?.sealed ?? '') !== ''
}

/** Undefined: it is broken, and stays so. */
function sessionIn(value: string): Session | undefined {
  try {
    return sessionFrom(value)
  } catch {
    return undefined
  }
}
