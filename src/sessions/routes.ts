import type { Context } from 'koa'
import type { Account } from '../accounts.js'
import { HttpError } from '../http/error.js'
import { readJsonBody } from '../http/json-body.js'
import type { Route } from '../http/route.js'
import { sendJson } from '../http/send-json.js'
import type { Clock } from '../wechat/clock.js'
import type { Logins } from './logins.js'
import { phoneNumber } from './phone.js'
import { sessionEnded } from './session-refusal.js'
import type { Given, Sessions } from './sessions.js'
import type { UserData } from './user-data.js'
import type { Visitors } from './visitor.js'

/** In characters. WeChat's codes have 32. */
const longestCode = 512
const longestOpenid = 128
const longestText = 64 * 1024

/** What happened to sessions; for metrics and the audit log. */
export type SessionsEvent =
  | { readonly type: 'login'; readonly newUser: boolean }
  | { readonly type: 'login-failed'; readonly error: unknown }
  | { readonly type: 'renewed' }
  | { readonly type: 'ended'; readonly cause: 'logout' | 'all' | 'forgotten'; readonly count: number }

export interface SessionsRoutesOptions {
  readonly sessions: Sessions
  readonly logins: Logins
  readonly userData: UserData
  readonly visitors: Visitors
  readonly clock: Pick<Clock, 'now'>
  /** The account in the path. @throws {HttpError} 404 */
  accountOf(ctx: Context): Account
  observe(account: Account, event: SessionsEvent, ctx: Context): void
  /** Removes what the hub stores of a user beside sessions. Answers how much that was. */
  forgetElsewhere(account: Account, openid: string): Promise<number>
}

/** The login of mini programs' users, and what their back ends learn of it. */
export function sessionsRoutes(options: SessionsRoutesOptions): Route[] {
  const { sessions, logins, userData, visitors, clock, observe, forgetElsewhere } = options
  const secondsTo = (end: number) => Math.max(0, Math.floor((end - clock.now()) / 1000))
  const given = ({ session, expiresAt }: Given) => ({ session, expires_in: secondsTo(expiresAt) })
  const accountOf = (ctx: Context): Account => {
    const account = options.accountOf(ctx)
    if (account.wechat.type !== 'miniprogram') throw notMiniProgram()
    ctx.state['account'] = account
    return account
  }
  const visited = (ctx: Context): Account | Promise<Account> => {
    try {
      return accountOf(ctx)
    } catch (error) {
      return visitors.stray(ctx).then(() => Promise.reject(error))
    }
  }
  const logIn = async (ctx: Context) => {
    const account = await visited(ctx)
    await visitors.limit(ctx)
    const { code } = await readTexts(ctx, { code: longestCode })
    const done = await logins.logIn(account, code).catch((error: unknown) => {
      observe(account, { type: 'login-failed', error }, ctx)
      throw error
    })
    observe(account, { type: 'login', newUser: done.newUser }, ctx)
    ctx.body = { ...given(done), new_user: done.newUser }
  }
  const current = async (ctx: Context) => {
    const account = await visited(ctx)
    const { session, isBackEnd } = await visitors.admit(ctx, account)
    const expires_in = secondsTo(session.expiresAt)
    if (!isBackEnd) return sendJson(ctx, JSON.stringify({ valid: true, expires_in }))
    const { openid, unionid, created } = session
    sendJson(ctx, JSON.stringify({ openid, unionid, appid: account.appID, created: timeOf(created), expires_in }))
  }
  const renew = async (ctx: Context) => {
    const account = await visited(ctx)
    const { text } = await visitors.admitToWork(ctx, account)
    const renewed = await sessions.renew(account.appID, text)
    if (renewed === undefined) throw sessionEnded()
    observe(account, { type: 'renewed' }, ctx)
    ctx.body = given(renewed)
  }
  const end = async (ctx: Context) => {
    const account = await visited(ctx)
    const { text } = await visitors.admit(ctx, account)
    if (!(await sessions.end(account.appID, text))) throw sessionEnded()
    observe(account, { type: 'ended', cause: 'logout', count: 1 }, ctx)
    ctx.body = { ended: 1 }
  }
  const decrypt = async (ctx: Context) => {
    const account = await visited(ctx)
    const { session } = await visitors.admitToWork(ctx, account)
    const { encryptedData, iv } = await readTexts(ctx, { encryptedData: longestText, iv: longestText })
    ctx.body = await userData.decrypt(account, session, encryptedData, iv)
  }
  const verify = async (ctx: Context) => {
    const account = await visited(ctx)
    const { session } = await visitors.admitToWork(ctx, account)
    const { rawData, signature } = await readTexts(ctx, { rawData: longestText, signature: longestText })
    await userData.verify(account, session, rawData, signature)
    ctx.body = { valid: true }
  }
  const phone = async (ctx: Context) => {
    const account = accountOf(ctx)
    const { code, openid } = await readTexts(ctx, { code: longestCode }, { openid: longestOpenid })
    ctx.body = { phone_info: await phoneNumber(account, code, openid) }
  }
  const user = async (ctx: Context) => {
    const { appID } = accountOf(ctx)
    const { openid } = ctx['params']
    const found = await sessions.user(appID, openid)
    if (found === undefined) throw noSuchUser()
    const { unionid, created, lastLogin, sessions: count } = found
    ctx.body = { openid, unionid, created: timeOf(created), last_login: timeOf(lastLogin), sessions: count }
  }
  const endAll = async (ctx: Context) => {
    const account = accountOf(ctx)
    const count = await sessions.endAll(account.appID, ctx['params'].openid)
    if (count === undefined) throw noSuchUser()
    observe(account, { type: 'ended', cause: 'all', count }, ctx)
    ctx.body = { ended: count }
  }
  const forget = async (ctx: Context) => {
    const account = accountOf(ctx)
    const { openid } = ctx['params']
    const count = await sessions.forget(account.appID, openid)
    const removed = await forgetElsewhere(account, openid)
    if (count === undefined && removed === 0) throw noSuchUser()
    observe(account, { type: 'ended', cause: 'forgotten', count: count ?? 0 }, ctx)
    ctx.body = { ended: count ?? 0 }
  }
  const all = '/v1/:account/sessions'
  const one = `${all}/current`
  const users = '/v1/:account/users/:openid'
  const scope = { scope: 'session' } as const
  return [
    { method: 'GET', path: one, name: 'session', who: 'visitor', handle: current },
    { method: 'POST', path: all, name: 'login', who: 'visitor', handle: logIn },
    { method: 'DELETE', path: one, name: 'logout', who: 'visitor', handle: end },
    { method: 'POST', path: `${one}/renew`, name: 'renewal', who: 'visitor', handle: renew },
    { method: 'POST', path: `${one}/decrypt`, name: 'user data', who: 'visitor', handle: decrypt },
    { method: 'POST', path: `${one}/verify`, name: 'signed user data', who: 'visitor', handle: verify },
    { method: 'POST', path: '/v1/:account/phone', name: 'phone number', who: scope, handle: phone },
    { method: 'GET', path: users, name: 'user', who: scope, handle: user },
    { method: 'DELETE', path: users, name: 'all of a user', who: scope, handle: forget },
    { method: 'DELETE', path: `${users}/sessions`, name: 'sessions of a user', who: scope, handle: endAll },
  ]
}

/** These fields of the JSON body, each a text of so many characters at most; `optional` ones may be missing. @throws {HttpError} 400 */
async function readTexts<Name extends string, Optional extends string = never>(
  ctx: Context,
  longest: Record<Name, number>,
  optional?: Record<Optional, number>,
): Promise<Record<Name, string> & Partial<Record<Optional, string>>> {
  const body = await readJsonBody(ctx)
  const texts: Partial<Record<string, string>> = {}
  for (const [name, most] of Object.entries<number>({ ...longest, ...optional })) {
    const value = body[name]
    if (value === undefined && !(name in longest)) continue
    if (typeof value !== 'string' || value === '' || value.length > most) {
      throw new HttpError(400, `${name} is missing, or is no text`, { hint: `Send {${quoted(longest)}}.` })
    }
    texts[name] = value
  }
  return texts as Record<Name, string> & Partial<Record<Optional, string>>
}

function quoted(fields: object): string {
  return Object.keys(fields)
    .map((name) => `"${name}": "…"`)
    .join(', ')
}

/** In seconds since the epoch, as WeChat tells times. */
function timeOf(moment: number): number {
  return Math.floor(moment / 1000)
}

function notMiniProgram(): HttpError {
  const hint = 'Sessions are for mini programs: set "type": "miniprogram" of the account, or ask for another one.'
  return new HttpError(404, 'this account is no mini program', { hint })
}

function noSuchUser(): HttpError {
  return new HttpError(404, 'no user of this account has this openid here', {
    hint: 'A user is known from the first login on.',
  })
}
