import { withoutQuery } from '../wechat/api.js'
import type { CallbackEvent } from './callback-event.js'

type Level = 'debug' | 'info' | 'warn' | 'error'
type Log = Readonly<Record<Level, (record: object, message?: string) => void>>

/** What a line says beside the event: which account, and which request, if they are known. */
export interface About {
  readonly account?: string | undefined
  readonly requestId?: string | undefined
  /** How many like it were not written. */
  readonly heldBack?: number
}

/** Lets so many lines of a name through. Answers how many were held back since the last one; `undefined`: so is this one. */
export interface Passing {
  pass(name: string): number | undefined
}

/** As `logPush`; but a store that is away fails each push, and shall not fill the log. */
export function logPushSparingly(log: Log, about: About, event: CallbackEvent, failures: Passing): void {
  const heldBack = event.type === 'store-failed' ? failures.pass(event.operation) : 0
  if (heldBack !== undefined) logPush(log, heldBack === 0 ? about : { ...about, heldBack }, event)
}

/** Writes what happens to pushes as lines that a person on call understands. No line holds what a user wrote. */
export function logPush(log: Log, about: About, event: CallbackEvent): void {
  const line = lineOf(event)
  if (line === undefined) return
  const { level, message, ...details } = line
  log[level]({ ...about, event: `push-${event.type}`, ...details }, message)
}

interface Line {
  readonly level: Level
  readonly message: string
  readonly [detail: string]: unknown
}

const remedies: Readonly<Record<Extract<CallbackEvent, { type: 'refused' }>['reason'], string>> = {
  signature:
    'none of the Tokens signed it. Someone else than WeChat calls, or the Token here is not that of the console',
  'not-encrypted': 'it is not encrypted. Compare the mode here with the one in the console',
  undecipherable: 'no EncodingAESKey opens it, or it is for another appID. Compare both with the console',
  malformed: 'it is signed, and no message. If the console says safe mode, set encodingAESKey here',
  ambiguous: 'several accounts have the Token that signed it. Let the console of each call /wx/NAME',
  'too-long': 'it has more than 256 KiB',
  'broken-off': 'its body did not come whole',
}

function lineOf(event: CallbackEvent): Line | undefined {
  switch (event.type) {
    case 'refused':
      return { level: 'warn', reason: event.reason, message: `a push was refused: ${remedies[event.reason]}` }
    case 'fault': {
      const { to, error } = event
      const details = { to: withoutQuery(to), fault: error.kind, err: error }
      return { level: 'error', ...details, message: 'a back end gave no reply that can be used' }
    }
    case 'late': {
      const ways = {
        'customer-service': 'sent by the customer-service API',
        retry: 'given to a retry',
        drop: 'dropped',
      }
      return { level: 'info', way: event.way, message: `a reply was not there within 4.1 s; it is ${ways[event.way]}` }
    }
    case 'store-failed': {
      const { operation, error } = event
      return { level: 'error', operation, err: error, message: 'what was to be remembered of a push was not stored' }
    }
    case 'not-sent': {
      const { job, error, retryIn } = event
      const { kind, to, attempts, id } = job
      // Of a reply it is the user.
      const receiver = kind === 'reply' ? {} : { to: withoutQuery(to) }
      const details = { kind, ...receiver, attempts, id }
      if (retryIn === undefined) {
        return {
          level: 'error',
          ...details,
          err: error,
          message: 'something could not be sent; it is a dead letter now',
        }
      }
      // Without the stack: while a back end is down there are many of these.
      const again = { because: error instanceof Error ? error.message : String(error), retryInMs: Math.round(retryIn) }
      return { level: 'warn', ...details, ...again, message: 'something was not sent; it is tried again' }
    }
    default:
      return undefined
  }
}
