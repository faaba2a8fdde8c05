/*
 * What the store holds, in as few bytes as JSON lists take: `s/<appID>/<hash>` for each session, which ends by itself, and
 * `u/<appID>/<openid>` for each user, which names the sessions and through which each of them is changed. All moments but the
 * first in a record are told as the ms since that one.
 */

/** A login that is in force. All moments are in ms since the epoch. */
export interface Session {
  readonly openid: string
  readonly unionid: string | undefined
  /** When the user logged in: renewals do not change it. */
  readonly created: number
  readonly expiresAt: number
  /** The session_key, enciphered. */
  readonly sealed: string
}

/** What a user's record says of a session. */
export interface Listed {
  readonly hash: string
  readonly expiresAt: number
  /** The one that took over: this one is left to calls in flight. */
  readonly renewed?: { readonly as: string; readonly salt: string }
}

export interface User {
  readonly created: number
  readonly lastLogin: number
  readonly unionid: string | undefined
  /** Oldest first. */
  readonly sessions: readonly Listed[]
}

type StoredSession = [openid: string, unionid: string, created: number, life: number, sealed: string]
type StoredListed = [hash: string, end: number, as?: string, salt?: string]
type StoredUser = [created: number, lastLoginAfter: number, unionid: string, sessions: StoredListed[]]

export function sessionKey(appID: string, hash: string): string {
  return `s/${appID}/${hash}`
}

export function userKey(appID: string, openid: string): string {
  return `u/${appID}/${openid}`
}

/** What a session_key is enciphered for: moved to another session or account, it can't be opened. */
export function sealedAbout(appID: string, hash: string): string {
  return `${appID}\n${hash}`
}

export function sessionText({ openid, unionid = '', created, expiresAt, sealed }: Session): string {
  const stored: StoredSession = [openid, unionid, created, expiresAt - created, sealed]
  return JSON.stringify(stored)
}

export function sessionFrom(text: string): Session {
  const [openid, unionid, created, life, sealed]: StoredSession = JSON.parse(text)
  return { openid, unionid: unionid === '' ? undefined : unionid, created, expiresAt: created + life, sealed }
}

export function userText({ created, lastLogin, unionid = '', sessions }: User): string {
  const listed = sessions.map(({ hash, expiresAt, renewed }): StoredListed => {
    const end = expiresAt - created
    return renewed === undefined ? [hash, end] : [hash, end, renewed.as, renewed.salt]
  })
  const stored: StoredUser = [created, lastLogin - created, unionid, listed]
  return JSON.stringify(stored)
}

export function userFrom(text: string): User {
  const [created, lastLoginAfter, unionid, listed]: StoredUser = JSON.parse(text)
  const sessions = listed.map(([hash, end, as, salt]): Listed => {
    const expiresAt = created + end
    return as === undefined || salt === undefined ? { hash, expiresAt } : { hash, expiresAt, renewed: { as, salt } }
  })
  const lastLogin = created + lastLoginAfter
  return { created, lastLogin, unionid: unionid === '' ? undefined : unionid, sessions }
}
