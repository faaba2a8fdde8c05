import { HttpError } from '../http/error.js'

/** The hub's own errcodes of sessions, so that a mini program can tell them apart: the negated status and a digit. */
const ended = -4011
const tampered = -4001
const otherApp = -4002
const tooOld = -4003

/** WeChat's own for "not the user's session_key" [MPCS]. */
const keyReplaced = 87009

const logInAgain = 'log in again: call wx.login, and send its code to POST /v1/:account/sessions'

export function sessionMissing(): HttpError {
  return unauthorized(
    'a session is needed',
    'a mini program sends "Authorization: Bearer SESSION"; a back end sends its client key there, and "X-Session: SESSION"',
  )
}

export function sessionEnded(): HttpError {
  return unauthorized('the session is unknown, or has ended', `The mini program must ${logInAgain}.`)
}

export function sessionKeyReplaced(): HttpError {
  return new HttpError(409, 'the session_key has been replaced: call wx.login again', {
    errcode: keyReplaced,
    hint: `The mini program must ${logInAgain}. Only then it may ask for the user's data, once more.`,
  })
}

/** One for whatever is wrong with the data: what exactly is nobody's business. */
export function dataTampered(): HttpError {
  return new HttpError(400, 'the data was tampered with, or was not made for this session', {
    errcode: tampered,
    hint: 'Send the data as wx gave it. If wx.login was called after this session began, log in with its code first.',
  })
}

export function dataOfOtherApp(): HttpError {
  const hint = 'The watermark names another appID: send the data to the account of its own mini program.'
  return new HttpError(400, 'the data was made for another mini program', { errcode: otherApp, hint })
}

export function dataTooOld(): HttpError {
  const hint = 'The watermark is older than sessions.userDataMaxAge: ask the user for the data again.'
  return new HttpError(400, 'the data is too old', { errcode: tooOld, hint })
}

export function tooManyFailures(retryAfter: number): HttpError {
  const hint = 'Send the data as wx gave it, once. If that is refused, log in again and ask the user for the data anew.'
  return new HttpError(429, 'too much wrong data came for this user', { retryAfter, hint })
}

export function tooManyCalls(retryAfter: number): HttpError {
  const hint = 'Renew a session before it ends, not with each request; keep what was deciphered.'
  return new HttpError(429, 'this user’s sessions were used too often', { retryAfter, hint })
}

function unauthorized(errmsg: string, hint: string): HttpError {
  const headers = { 'WWW-Authenticate': 'Bearer realm="wechat-hub session"' }
  return new HttpError(401, errmsg, { errcode: ended, hint, headers })
}
