import type { Change, KeyValueStore } from '../stores/store.js'
import type { Clock } from '../wechat/clock.js'
import type { Login } from '../wechat/login.js'
import type { SessionKeys } from './session-keys.js'
import {
  type Listed,
  type Session,
  sealedAbout,
  sessionFrom,
  sessionKey,
  sessionText,
  type User,
  userFrom,
  userKey,
  userText,
} from './session-record.js'
import { hashOf, isSessionForm, makeSalt, makeSession, successorOf } from './session-token.js'

/** Of one user; and as many renewed ones that live on. Nobody fills the store, or a user's record. */
const mostSessions = 20

/** A session that has less left, in ms, is not worth giving out. */
const least = 1000

export interface SessionsOptions {
  readonly store: KeyValueStore
  readonly keys: Pick<SessionKeys, 'seal' | 'open'>
  readonly clock: Pick<Clock, 'now'>
  /** All in seconds, as in the configuration. */
  readonly lives: { readonly ttl: number; readonly maxLife: number; readonly grace: number }
}

/** A session that was just made. It can't be had again. */
export interface Given {
  readonly session: string
  readonly expiresAt: number
}

/** A session with what it is stored under. */
export interface Found extends Session {
  readonly hash: string
}

/** What becomes of a user's record, and what is changed with it. */
interface Edit<T> {
  readonly result: T
  /** `undefined`: the record goes. */
  readonly user: User | undefined
  readonly also: readonly Change[]
}

/**
 * The sessions of mini programs' users, and the users. A session is stored as a hash. Each change of a session is one step
 * with the record of its user, and is made only on what that record said: so two that come at once do not undo each other.
 */
export class Sessions {
  readonly #store: KeyValueStore
  readonly #keys: SessionsOptions['keys']
  readonly #clock: Pick<Clock, 'now'>
  readonly #ttl: number
  readonly #maxLife: number
  readonly #grace: number

  constructor({ store, keys, clock, lives }: SessionsOptions) {
    this.#store = store
    this.#keys = keys
    this.#clock = clock
    this.#ttl = lives.ttl * 1000
    this.#maxLife = lives.maxLife * 1000
    this.#grace = lives.grace * 1000
  }

  /** A session for who has logged in. `newUser`: it is the first one of this user. */
  async create(appID: string, { openid, unionid, session_key }: Login): Promise<Given & { newUser: boolean }> {
    const session = makeSession()
    const hash = hashOf(appID, session)
    const sealed = await this.#keys.seal(session_key, sealedAbout(appID, hash))
    return this.#edit(appID, openid, (user) => {
      const now = this.#clock.now()
      const expiresAt = now + Math.min(this.#ttl, this.#maxLife)
      const { living, over } = parted(user, now)
      const made: Session = { openid, unionid, created: now, expiresAt, sealed }
      const { kept, dropped } = fitted([...living, { hash, expiresAt }])
      return {
        result: { session, expiresAt, newUser: user === undefined },
        user: { created: user?.created ?? now, lastLogin: now, unionid: unionid ?? user?.unionid, sessions: kept },
        also: [putSession(appID, hash, made), ...removals(appID, [...over, ...dropped])],
      }
    })
  }

  /** The session, if it is in force under this account. */
  async find(appID: string, session: string): Promise<Found | undefined> {
    if (!isSessionForm(session)) return undefined
    const hash = hashOf(appID, session)
    const text = await this.#store.get(sessionKey(appID, hash))
    return text === undefined ? undefined : { hash, ...sessionFrom(text) }
  }

  /**
   * A session that takes over from this one, which lives on for the grace. To ask again within it gives the same one: the
   * answer may have been lost. The life since the login keeps its limit: when less than 1 s would be left, there is none.
   */
  async renew(appID: string, session: string): Promise<Given | undefined> {
    const found = await this.find(appID, session)
    if (found === undefined) return undefined
    const { hash, ...old } = found
    const salt = makeSalt()
    const next = successorOf(session, salt)
    const nextHash = hashOf(appID, next)
    const sealed = await this.#resealed(appID, found, nextHash)
    const done = await this.#edit<Given | { before: Listed } | undefined>(appID, old.openid, (user) => {
      const now = this.#clock.now()
      const { living, over } = parted(user, now)
      const listed = living.find((each) => each.hash === hash)
      if (user === undefined || listed === undefined) return undefined
      if (listed.renewed !== undefined) return { result: { before: listed }, user, also: [] }
      const expiresAt = Math.min(now + this.#ttl, old.created + this.#maxLife)
      if (expiresAt - now < least) return undefined
      const graced = { ...old, expiresAt: Math.min(old.expiresAt, now + this.#grace) }
      const renewed = { hash, expiresAt: graced.expiresAt, renewed: { as: nextHash, salt } }
      const others = living.filter((each) => each !== listed)
      const { kept, dropped } = fitted([...others, renewed, { hash: nextHash, expiresAt }])
      const successor = putSession(appID, nextHash, { ...old, expiresAt, sealed })
      return {
        result: { session: next, expiresAt },
        user: { ...user, sessions: kept },
        also: [putSession(appID, hash, graced), successor, ...removals(appID, [...over, ...dropped])],
      }
    })
    if (done === undefined || 'session' in done) return done
    const again = successorOf(session, done.before.renewed?.salt ?? '')
    const successor = await this.find(appID, again)
    if (successor === undefined || successor.expiresAt - this.#clock.now() < least) return undefined
    return { session: again, expiresAt: successor.expiresAt }
  }

  /** Ends a session, with the one it was renewed from and the one that took over. Answers whether it was in force. */
  async end(appID: string, session: string): Promise<boolean> {
    const found = await this.find(appID, session)
    if (found === undefined) return false
    const ended = await this.#edit(appID, found.openid, (user) => {
      const { living, over } = parted(user, this.#clock.now())
      const ending = lineOf(found.hash, living)
      if (user === undefined || ending.length === 0) return undefined
      const sessions = living.filter((each) => !ending.includes(each))
      return { result: true, user: { ...user, sessions }, also: removals(appID, [...over, ...ending]) }
    })
    return ended ?? false
  }

  /** Ends all sessions of a user, and answers how many; undefined if there is no such user. */
  async endAll(appID: string, openid: string): Promise<number | undefined> {
    return this.#edit(appID, openid, (user) => {
      if (user === undefined) return undefined
      const { living } = parted(user, this.#clock.now())
      return { result: countOf(living), user: { ...user, sessions: [] }, also: removals(appID, user.sessions) }
    })
  }

  /** What is stored about a user. `sessions`: how many are in force. */
  async user(appID: string, openid: string): Promise<(Omit<User, 'sessions'> & { sessions: number }) | undefined> {
    const text = await this.#store.get(userKey(appID, openid))
    if (text === undefined) return undefined
    const user = userFrom(text)
    return { ...user, sessions: countOf(parted(user, this.#clock.now()).living) }
  }

  /** Removes all that is stored about a user. Answers how many sessions that ended; undefined if there is no such user. */
  async forget(appID: string, openid: string): Promise<number | undefined> {
    return this.#edit(appID, openid, (user) => {
      if (user === undefined) return undefined
      const { living } = parted(user, this.#clock.now())
      return { result: countOf(living), user: undefined, also: removals(appID, user.sessions) }
    })
  }

  /** The session_key; undefined if the key that it was enciphered with is gone. */
  sessionKeyOf(appID: string, { hash, sealed }: Found): string | undefined {
    return this.#keys.open(sealed, sealedAbout(appID, hash))
  }

  /** Where the session_key can't be read any more, the successor has none either. */
  async #resealed(appID: string, found: Found, hash: string): Promise<string> {
    const session_key = this.sessionKeyOf(appID, found)
    return session_key === undefined ? '' : this.#keys.seal(session_key, sealedAbout(appID, hash))
  }

  /** `edit` may be asked several times. It answers undefined, or a user and nothing `also`, to leave all as it is. */
  async #edit<T>(appID: string, openid: string, edit: (user: User | undefined) => Edit<T>): Promise<T>
  async #edit<T>(
    appID: string,
    openid: string,
    edit: (user: User | undefined) => Edit<T> | undefined,
  ): Promise<T | undefined>
  async #edit<T>(appID: string, openid: string, edit: (user: User | undefined) => Edit<T> | undefined) {
    const key = userKey(appID, openid)
    for (;;) {
      const text = await this.#store.get(key)
      const wanted = edit(text === undefined ? undefined : userFrom(text))
      if (wanted === undefined) return undefined
      const { result, user, also } = wanted
      if (also.length === 0 && user !== undefined) return result
      if (await this.#replace(key, text, user, also)) return result
    }
  }

  async #replace(key: string, text: string | undefined, user: User | undefined, also: readonly Change[]) {
    if (user === undefined) return text === undefined || this.#store.replace(key, text, [{ remove: key }, ...also])
    const entry = { key, value: userText(user) }
    if (text === undefined) return (await this.#store.putIfAbsent(entry, also)) === undefined
    return this.#store.replace(key, text, [{ put: entry }, ...also])
  }
}

function putSession(appID: string, hash: string, session: Session): Change {
  return { put: { key: sessionKey(appID, hash), value: sessionText(session), expiresAt: session.expiresAt } }
}

function removals(appID: string, sessions: readonly Listed[]): Change[] {
  return sessions.map(({ hash }) => ({ remove: sessionKey(appID, hash) }))
}

/** What leaves the record leaves the store too: were the clock set back, those that are over would live again, without a user. */
function parted(user: User | undefined, now: number): { living: readonly Listed[]; over: readonly Listed[] } {
  const sessions = user?.sessions ?? []
  const living = sessions.filter(({ expiresAt }) => now < expiresAt)
  return { living, over: sessions.filter((each) => !living.includes(each)) }
}

/** As many as a user may have: of those in force, and of those that are only left to calls in flight, the last ones. */
function fitted(sessions: readonly Listed[]): { kept: readonly Listed[]; dropped: readonly Listed[] } {
  const inFlight = sessions.filter(({ renewed }) => renewed !== undefined)
  const others = sessions.filter(({ renewed }) => renewed === undefined)
  const dropped = [inFlight, others].flatMap((each) => each.slice(0, Math.max(0, each.length - mostSessions)))
  return { kept: sessions.filter((each) => !dropped.includes(each)), dropped }
}

/** Those that are not only left to calls in flight. */
function countOf(sessions: readonly Listed[]): number {
  return sessions.filter(({ renewed }) => renewed === undefined).length
}

/** A session with all from which it came by renewal, and all that came from it. */
function lineOf(hash: string, sessions: readonly Listed[]): readonly Listed[] {
  const line = new Set([hash])
  for (let size = 0; size < line.size; ) {
    size = line.size
    for (const each of sessions) {
      const next = each.renewed?.as
      if (next === undefined || !(line.has(each.hash) || line.has(next))) continue
      line.add(each.hash).add(next)
    }
  }
  return sessions.filter((each) => line.has(each.hash))
}
