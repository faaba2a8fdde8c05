import { createHash, createHmac, randomBytes } from 'node:crypto'

const prefix = 'whs_'
const form = /^whs_[\w-]{43}$/
const saltBytes = 16

/** A new session: `whs_` and 256 random bits in base64url. The prefix lets secret scanners, and our log, find a leaked one. */
export function makeSession(): string {
  return prefix + randomBytes(32).toString('base64url')
}

/** Whether a text can be a session at all. */
export function isSessionForm(text: string): boolean {
  return form.test(text)
}

/** What a session is stored under: the SHA-256 of the account and it. So it is worth nothing under another account. */
export function hashOf(appID: string, session: string): string {
  return createHash('sha256').update(`${appID}\n${session}`).digest('base64url')
}

export function makeSalt(): string {
  return randomBytes(saltBytes).toString('base64url')
}

/**
 * The session that takes over from this one. The same salt gives the same successor, so that a renewal can be repeated whose
 * answer was lost, though no session is stored. Nobody can tell it who has only one of the two.
 */
export function successorOf(session: string, salt: string): string {
  return prefix + createHmac('sha256', session).update(`renewed ${salt}`).digest('base64url')
}
