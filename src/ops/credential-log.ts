import type { CredentialEvent } from '../wechat/credential-event.js'
import type { Logger } from './log.js'

type Level = 'debug' | 'info' | 'warn' | 'error'

/** Writes what happens to an account's credentials as lines that a person on call understands. */
export function logCredential(log: Pick<Logger, Level>, account: string, event: CredentialEvent): void {
  const { level, message } = sentenceOf(event)
  const { type, ...details } = event
  const error = 'error' in details ? { err: details.error } : {}
  log[level]({ account, event: type, ...details, ...error, error: undefined }, message)
}

function sentenceOf(event: CredentialEvent): { level: Level; message: string } {
  switch (event.type) {
    case 'refreshed':
      return { level: 'info', message: `${event.credential} refreshed` }
    case 'refresh-failed':
      return event.servingOld
        ? { level: 'warn', message: `${event.credential} not refreshed; the present one is given out while it lives` }
        : { level: 'error', message: `${event.credential} not refreshed, and there is none to give out` }
    case 'adopted':
      return { level: 'info', message: `another process refreshed the ${event.credential}` }
    case 'died-early':
      return {
        level: 'warn',
        message:
          'the access_token died before its time: another program fetches tokens with the same AppSecret. Point it at this hub, or let one of the two use stable_token.',
      }
    case 'reported':
      return { level: 'debug', message: `a back end reported that WeChat refused the ${event.credential}` }
    case 'save-failed':
      return { level: 'error', message: 'a record could not be stored; it is kept in memory and stored later' }
    case 'lock-failed':
      return { level: 'error', message: `the store gave no lock; the ${event.credential} was refreshed without one` }
    case 'read-failed':
      return { level: 'error', message: 'a stored record could not be read' }
    case 'set-aside':
      return {
        level: 'error',
        message: 'a stored record could not be understood; `where` tells where it was put, if it could be moved',
      }
  }
}
