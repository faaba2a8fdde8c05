import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import Koa, { type Context, type Middleware } from 'koa'
import type Router from 'koa-router'
import { Callers } from './access/callers.js'
import { guard } from './access/guard.js'
import { HubTokens } from './access/hub-token.js'
import { Limits } from './access/limits.js'
import { openAccess } from './access/open-access.js'
import { logSigningKeys } from './access/signing-key-log.js'
import { SigningKeys } from './access/signing-keys.js'
import { VisitorLimit } from './access/visitor-limit.js'
import { type Account, Accounts } from './accounts.js'
import { compatibleRoutes, emulatedPaths } from './broker/compatible-routes.js'
import { brokerRoutes } from './broker/routes.js'
import { demonstration } from './callback/demonstration.js'
import type { Answerer } from './callback/inbox.js'
import { countPush } from './callback/push-count.js'
import { logPush, logPushSparingly } from './callback/push-log.js'
import { Pushes } from './callback/pushes.js'
import { callbackRoutes } from './callback/routes.js'
import { type AccountConfig, type Config, checkDataDir } from './config.js'
import { Gateway } from './gateway/gateway.js'
import { answer } from './http/answer.js'
import { callerAddress } from './http/caller-address.js'
import { isCallerGone } from './http/caller-gone.js'
import { chain } from './http/chain.js'
import { HttpError } from './http/error.js'
import type { Route, Who } from './http/route.js'
import { createRouting, type Routing } from './http/router.js'
import { PageDomains } from './jssdk/page-domains.js'
import { jssdkRoutes } from './jssdk/routes.js'
import { readScript } from './jssdk/script.js'
import { expectHere } from './move/expect-here.js'
import { Audit } from './ops/audit.js'
import { logAudit } from './ops/audit-log.js'
import { noteClientChange, noteCredential, noteHandOut, noteRefusal } from './ops/audit-notes.js'
import { logCredential } from './ops/credential-log.js'
import { createLog, type Log, type LogOptions } from './ops/log.js'
import { cleanText } from './ops/log-redaction.js'
import { Metrics } from './ops/metrics.js'
import { logRedis } from './ops/redis-log.js'
import { requestLog } from './ops/request-log.js'
import { opsRoutes } from './ops/routes.js'
import { noteSession } from './ops/session-notes.js'
import { Sparingly } from './ops/sparingly.js'
import { logStore } from './ops/store-log.js'
import { sandboxed } from './sandboxed.js'
import { openSessions } from './sessions/open-sessions.js'
import { openLocalStores } from './stores/local-stores.js'
import { openRedisStores } from './stores/redis-stores.js'
import type { CredentialStore, KeyValueStore } from './stores/store.js'
import type { Stores } from './stores/stores.js'
import { type Clock, systemClock } from './wechat/clock.js'
import type { Source } from './wechat/held.js'
import { Secrets } from './wechat/secrets.js'
import type { TicketType } from './wechat/ticket-endpoint.js'
import { Wechat } from './wechat/wechat.js'

/** Lines of the log for refused pushes with one reason: whoever sends many of them shall not fill it. Nor shall a failing store. */
const refusalsAMinute = 10

export interface HubOptions {
  /** Where time comes from. Default: the system's clocks. */
  readonly clock?: Clock
  /** Takes the log's lines. Default: stdout. */
  readonly logDestination?: LogOptions['destination']
}

/** A hub that does not listen yet: `createServer(hub.handler)`. */
export interface Hub {
  readonly handler: RequestListener
  readonly routes: readonly Route[]
  readonly routers: readonly Router[]
  readonly accounts: Accounts
  readonly log: Log
  /** The key that this first start made; it can't be had again. */
  readonly firstKey: string | undefined
  /** Where the built-in sandbox listens, if no account is configured. */
  readonly sandboxUrl: string | undefined
  /** Ends what the hub has under way. Close the server first. */
  close(): Promise<void>
}

/**
 * Builds the hub that a configuration describes. The one place that knows every module.
 *
 * @throws {ConfigError} when the data folder can't be written.
 * @throws {StoreInUseError} when another hub uses the data folder.
 * @throws {StoreError} STORE_AWAY when the Redis that is configured cannot be reached, STORE_MOVED when another store took over.
 * @throws {StoredClientsError} when the stored clients are damaged.
 */
export async function createHub(
  config: Config,
  { clock = systemClock, logDestination }: HubOptions = {},
): Promise<Hub> {
  await checkDataDir(config.dataDir)
  const secrets = new Secrets()
  const destination = logDestination === undefined ? {} : { destination: logDestination }
  const log = createLog({ level: config.log.level, secrets, ...destination })
  secrets.keep(...[config.redis.password, config.redis.sentinelPassword].filter((each) => each !== undefined))
  const stores = await openStores(config, clock, log.log)
  const store = stores.records
  const undo = [() => stores.close()]
  const undone = async (error: unknown): Promise<never> => {
    for (const step of undo.reverse()) await step()
    throw error
  }
  await expectHere(stores).catch(undone)
  const sandbox = Object.keys(config.accounts).length === 0 ? await sandboxed(config, clock).catch(undone) : undefined
  if (sandbox !== undefined) undo.push(() => sandbox.close())
  const keys = await SigningKeys.open(stores.text('hub-token-keys'), {
    clock,
    onEvent: (event) => logSigningKeys(log.log, event),
    learn: (secret) => secrets.rotate('hub token keys', secret),
  }).catch(undone)
  undo.push(() => keys.close())
  secrets.keep(...(config.sessions.key ?? []))
  const sessions = await openSessions({
    ...{ dataDir: config.dataDir, settings: config.sessions, store, counts: stores.counts, clock, log: log.log },
    learn: (secret) => secrets.rotate('session keys', secret),
  }).catch(undone)
  const script = await readScript().catch(undone)
  // Last of what can fail: a key that is made must get to the one who started the hub.
  const { clients, madeKey, watch } = await openAccess({
    ...{ configured: config.clients, key: config.key, text: stores.text('clients'), secrets, clock, log: log.log },
    onChange: (change) => noteClientChange(audit, change),
  }).catch(undone)

  const metrics = new Metrics(
    () => accounts.all,
    ({ appID }) => pushes.outbox.depth(appID),
  )
  const audit = createAudit(config, { secrets, clock, log: log.log, metrics })
  const accounts = createAccounts(sandbox?.config ?? config, {
    ...{ credentials: stores.credentials, clock, secrets, log: log.log, metrics, audit },
  })
  const pushes = createPushes(sandbox?.config ?? config, {
    ...{ accounts, secrets, store, clock, log: log.log, metrics },
    otherwise: sandbox === undefined ? undefined : demonstration(clock),
  })
  // Not waited for: however much is stored, the credentials come first.
  pushes.start().catch((error: unknown) => log.log.error({ err: error }, 'the outbox could not be read'))
  const refusals = new Sparingly(clock, refusalsAMinute)
  const { counts } = stores
  const limits = new Limits(config.limits, { refused: (limit) => metrics.rateLimited(limit), clock, counts })
  const access = { clients, limits, findAccount: (name: string) => accounts.find(name) }
  const guardFor = (who: Who) =>
    guard(who, {
      ...access,
      refused: (ctx, { status, message }) =>
        noteRefusal(audit, ctx, { status, errmsg: message }, accounts.find(ctx['params'].account)?.name),
    })
  const admitSession = guardFor({ scope: 'session' })
  const visitors = new VisitorLimit(config.limits.loginsPerMinute, {
    ...{ refused: () => metrics.rateLimited('login'), clock, counts },
  })
  const failures = new Sparingly(clock, refusalsAMinute)
  const sessionNotes = { metrics: metrics.sessions, audit, log: log.log, failures }
  const callers = new Callers({
    ...{ clients, accounts, limits },
    hubTokens: new HubTokens({ keys, clients, clock }),
    refused: (ctx, refusal) => noteRefusal(audit, ctx, refusal, ctx.state['account']?.name),
    clean: (text) => cleanText(text, secrets),
  })
  const given = (account: Account, from: Source, ctx: Context) => {
    metrics.tokenGiven(account, from)
    noteHandOut(audit, ctx, { account: account.name, what: 'access_token', from })
  }
  const ticketGiven = (account: Account, type: TicketType, from: Source, ctx: Context) => {
    metrics.ticketGiven(account, type, from)
    noteHandOut(audit, ctx, { account: account.name, what: `${type}_ticket`, from })
  }
  const gateway = new Gateway({
    apiDomain: (sandbox?.config ?? config).wechat.apiDomain,
    emulated: emulatedPaths,
    admit: (ctx, call) => callers.admitCall(ctx, call),
    refuse: (ctx, refusal) => callers.refuse(ctx, refusal),
    observe: ({ account, outcome, retried }) => metrics.gateway.count(account, outcome, retried),
  })
  const domains = pageDomains(sandbox?.config ?? config)
  const routes = [
    ...brokerRoutes({
      ...{ clock, given, ticketGiven },
      testEndpoint: sandbox === undefined ? { scope: 'token' } : 'anyone',
      standardAccount: accounts.standard?.name ?? '',
      accountOf: (ctx) => accountOf(ctx, accounts),
      callerOf: (ctx) => `client ${ctx.state['client']?.name}`,
    }),
    ...compatibleRoutes({
      ...{ clock, given, ticketGiven },
      admitTaker: (ctx, request) => callers.admitTaker(ctx, request),
      admitTicket: (ctx, accessToken) => callers.admitTicket(ctx, accessToken),
      hubTokenGiven(account, ctx) {
        metrics.gateway.hubTokenGiven(account)
        noteHandOut(audit, ctx, { account: account.name, what: 'hub_token', from: 'memory' })
      },
    }),
    ...jssdkRoutes({
      script,
      findAccount: (name) => accounts.find(name),
      accountOf: (ctx) => accountOf(ctx, accounts),
      domainsOf: ({ name }) => domains.get(name),
      tooMany: (address) => limits.page(address),
      asked: (account, outcome) => metrics.pages.count(account, outcome),
    }),
    ...callbackRoutes({
      ...{ accounts, pushes, clock },
      accountOf: (ctx) => accountOf(ctx, accounts),
      refused(event, about) {
        const heldBack = refusals.pass(event.reason)
        if (heldBack !== undefined) logPush(log.log, heldBack === 0 ? about : { ...about, heldBack }, event)
        countPush(metrics.pushes, about.account ?? '', event)
      },
    }),
    ...sessions.routes({
      accountOf: (ctx) => accountOf(ctx, accounts),
      admitBackEnd: (ctx) => admitSession(ctx, async () => undefined),
      forgetElsewhere: ({ appID }, openid) => pushes.outbox.forget(appID, openid),
      tooMany: (ctx) => visitors.tooMany(callerAddress(ctx)),
      refused: (ctx, { status, message }) =>
        noteRefusal(audit, ctx, { status, errmsg: message }, ctx.state['account']?.name),
      observe: (account, event, ctx) => noteSession(sessionNotes, account, event, ctx),
      userDataRead: (account, outcome) => metrics.sessions.userData(account, outcome),
    }),
    ...opsRoutes({
      ...{ accounts, metrics, stores },
      // Who shows no key is answered without details, and is not refused.
      maySeeDetails: async (ctx) => ctx.get('authorization') !== '' && passes(guard({ scope: 'metrics' }, access), ctx),
    }),
  ]
  const routing = createRouting(routes, guardFor)
  return {
    handler: createApp(config, { gateway, routing, log, clock }).callback(),
    routes,
    routers: routing.routers,
    accounts,
    log,
    firstKey: madeKey,
    sandboxUrl: sandbox?.url,
    async close() {
      await watch.close()
      await gateway.close()
      await keys.close()
      await sessions.idle()
      await pushes.close()
      await Promise.all(accounts.all.map(({ wechat }) => wechat.close()))
      await sandbox?.close()
      await stores.close()
      await audit.close()
      await log.close()
    },
  }
}

/** On this machine, or in the Redis that is configured. */
function openStores({ dataDir, redis }: Config, clock: Clock, log: Log['log']): Promise<Stores> {
  if (redis.url === '') return openLocalStores(dataDir, { clock, onEvent: (event) => logStore(log, event) })
  return openRedisStores(redis, { clock, onEvent: (event) => logRedis(log, event) })
}

interface WatchedParts {
  readonly clock: Clock
  readonly secrets: Secrets
  readonly log: Log['log']
  readonly metrics: Metrics
}

function createAudit({ dataDir }: Config, { clock, secrets, log, metrics }: WatchedParts): Audit {
  return new Audit({
    folder: join(dataDir, 'audit'),
    clock,
    clean: (text) => cleanText(text, secrets),
    observe(event) {
      logAudit(log, event)
      metrics.audited(event)
    },
  })
}

interface AccountParts {
  readonly credentials: CredentialStore
  readonly audit: Audit
}

function createAccounts(
  config: Config,
  { credentials, clock, secrets, log, metrics, audit }: WatchedParts & AccountParts,
): Accounts {
  const create = ([name, account]: [string, AccountConfig]): Account => {
    const { appID, appSecret, token, encodingAESKey, mode, type, endpoint, dailyTokens } = account
    const wechat = new Wechat({
      ...{ appID, appSecret, token, encodingAESKey, mode, type, endpoint, dailyTokens },
      ...config.wechat,
      storage: credentials.account(appID),
      clock,
      secrets,
      onCall: (observation) => metrics.apiCalled(name, observation),
      onEvent: (event) => {
        metrics.happened(name, event)
        logCredential(log, name, event)
        noteCredential(audit, name, event)
      },
    })
    return { name, appID, wechat }
  }
  return new Accounts(Object.entries(config.accounts).map(create))
}

interface PushParts {
  readonly accounts: Accounts
  readonly secrets: Secrets
  readonly store: KeyValueStore
  readonly clock: Clock
  readonly log: Log['log']
  readonly metrics: Metrics
  readonly otherwise: Answerer | undefined
}

function createPushes(config: Config, parts: PushParts): Pushes {
  const { accounts, secrets, store, clock, log, metrics, otherwise } = parts
  for (const route of Object.values(config.accounts).flatMap(({ routes }) => routes)) {
    secrets.keep(route.format === 'xml' ? route.token : route.secret)
  }
  const failures = new Sparingly(clock, refusalsAMinute)
  return new Pushes({
    accounts: accounts.all.map(({ name, wechat }) => {
      return { name, wechat, routes: config.accounts[name]?.routes ?? [], otherwise }
    }),
    ...{ store, clock, random: Math.random },
    observe(account, event) {
      logPushSparingly(log, { account }, event, failures)
      countPush(metrics.pushes, account, event)
    },
  })
}

interface AppParts {
  readonly gateway: Gateway
  readonly routing: Routing
  readonly log: Log
  readonly clock: Clock
}

function createApp(config: Config, { gateway, routing, log, clock }: AppParts): Koa {
  // Of X-Forwarded-For only the last address is the proxy's own word; those before it the caller can write.
  const app = new Koa({ proxy: config.server.trustProxy, maxIpsCount: 1 })
  const failed = (error: unknown, ctx?: Context) => {
    if (isCallerGone(error)) return
    log.log.error({ err: error, requestId: ctx?.state['requestId'] }, 'unexpected error')
  }
  app.on('error', failed)
  app.use(chain(requestLog(log, clock), answer(failed), gateway.middleware, routing.middleware))
  return app
}

/** By the accounts' names. */
function pageDomains({ accounts }: Config): ReadonlyMap<string, PageDomains> {
  return new Map(Object.entries(accounts).map(([name, { jsDomains }]) => [name, new PageDomains(jsDomains)]))
}

function accountOf(ctx: Context, accounts: Accounts): Account {
  const account = accounts.find(ctx['params'].account)
  if (account === undefined) throw new HttpError(404, 'there is no such account')
  return account
}

/** Whether a guard would let this request through. */
async function passes(step: Middleware, ctx: Context): Promise<boolean> {
  try {
    await step(ctx, async () => undefined)
    return true
  } catch {
    return false
  }
}
