import type { Context } from 'koa'
import type { Account, Accounts } from '../accounts.js'
import { compatibleRoutes } from '../broker/compatible-routes.js'
import { brokerRoutes } from '../broker/routes.js'
import { countPush } from '../callback/push-count.js'
import { logPush } from '../callback/push-log.js'
import type { Pushes } from '../callback/pushes.js'
import { callbackRoutes } from '../callback/routes.js'
import type { Config } from '../config.js'
import { callerAddress } from '../http/caller-address.js'
import { HttpError } from '../http/error.js'
import type { Route, Who } from '../http/route.js'
import { PageDomains } from '../jssdk/page-domains.js'
import { jssdkRoutes } from '../jssdk/routes.js'
import { noteRefusal } from '../ops/audit-notes.js'
import { opsRoutes } from '../ops/routes.js'
import { noteSession } from '../ops/session-notes.js'
import type { OpenSessions } from '../sessions/open-sessions.js'
import type { Stores } from '../stores/stores.js'
import type { Admission } from './admission.js'
import type { Watched } from './basics.js'
import { fewLines } from './few-lines.js'
import { handOuts } from './hand-outs.js'

interface RoutesParts extends Watched {
  readonly accounts: Accounts
  readonly pushes: Pushes
  readonly admission: Admission
  readonly sessions: OpenSessions
  /** The browser helper: JavaScript. */
  readonly script: string
  readonly stores: Stores
  /** Who may call `/getAccessToken`. */
  readonly testEndpoint: Who
}

interface Wiring extends RoutesParts {
  /** The account in the path. @throws {HttpError} 404 */
  accountOf(ctx: Context): Account
}

/** The routes of all features. What one needs of another, or of those who count and note, it is given here. */
export function allRoutes(config: Config, parts: RoutesParts): Route[] {
  const wiring = { ...parts, accountOf: (ctx: Context) => accountNamed(ctx['params'].account, parts.accounts) }
  return [
    ...forBackEnds(wiring),
    ...forPages(config, wiring),
    ...forPushes(wiring),
    ...forMiniPrograms(wiring),
    ...forOperators(wiring),
  ]
}

function forBackEnds({ clock, testEndpoint, accounts, accountOf, admission, metrics, audit }: Wiring): Route[] {
  const { given, hubTokenGiven, ticketGiven } = handOuts({ metrics, audit })
  return [
    ...brokerRoutes({
      ...{ clock, testEndpoint, accountOf, given, ticketGiven },
      standardAccount: accounts.standard?.name ?? '',
      callerOf: (ctx) => `client ${ctx.state['client']?.name}`,
    }),
    ...compatibleRoutes({
      ...{ clock, given, hubTokenGiven, ticketGiven },
      admitTaker: (ctx, request) => admission.callers.admitTaker(ctx, request),
      admitTicket: (ctx, accessToken) => admission.callers.admitTicket(ctx, accessToken),
    }),
  ]
}

function forPages(config: Config, { script, accounts, accountOf, admission, metrics }: Wiring): Route[] {
  const domains = pageDomains(config)
  return jssdkRoutes({
    ...{ script, accountOf },
    findAccount: (name) => accounts.find(name),
    domainsOf: ({ name }) => domains.get(name),
    tooMany: (address) => admission.limits.page(address),
    asked: (account, outcome) => metrics.pages.count(account, outcome),
  })
}

function forPushes({ accounts, accountOf, pushes, clock, log, metrics }: Wiring): Route[] {
  const refusals = fewLines(clock)
  return callbackRoutes({
    ...{ accounts, pushes, clock, accountOf },
    refused(event, about) {
      const heldBack = refusals.pass(event.reason)
      if (heldBack !== undefined) logPush(log, heldBack === 0 ? about : { ...about, heldBack }, event)
      countPush(metrics.pushes, about.account ?? '', event)
    },
  })
}

function forMiniPrograms({ sessions, accountOf, admission, pushes, clock, log, metrics, audit }: Wiring): Route[] {
  const admitBackEnd = admission.guardFor({ scope: 'session' })
  const notes = { metrics: metrics.sessions, audit, log, failures: fewLines(clock) }
  return sessions.routes({
    accountOf,
    admitBackEnd: (ctx) => admitBackEnd(ctx, async () => undefined),
    forgetElsewhere: ({ appID }, openid) => pushes.outbox.forget(appID, openid),
    tooMany: (ctx) => admission.visitors.tooMany(callerAddress(ctx)),
    refused: (ctx, { status, message }) =>
      noteRefusal(audit, ctx, { status, errmsg: message }, ctx.state['account']?.name),
    observe: (account, event, ctx) => noteSession(notes, account, event, ctx),
    userDataRead: (account, outcome) => metrics.sessions.userData(account, outcome),
  })
}

function forOperators({ accounts, metrics, stores, admission }: Wiring): Route[] {
  return opsRoutes({ accounts, metrics, stores, maySeeDetails: (ctx) => admission.maySeeDetails(ctx) })
}

/** By the accounts' names. */
function pageDomains({ accounts }: Config): ReadonlyMap<string, PageDomains> {
  return new Map(Object.entries(accounts).map(([name, { jsDomains }]) => [name, new PageDomains(jsDomains)]))
}

function accountNamed(nameOrAppID: string, accounts: Accounts): Account {
  const account = accounts.find(nameOrAppID)
  if (account === undefined) throw new HttpError(404, 'there is no such account')
  return account
}
