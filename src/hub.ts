import type { RequestListener } from 'node:http'
import Koa, { type Context, type Middleware } from 'koa'
import type Router from 'koa-router'
import { Clients } from './access/client.js'
import { guard } from './access/guard.js'
import { firstKey } from './access/stored-clients.js'
import { type Account, Accounts } from './accounts.js'
import { brokerRoutes } from './broker/routes.js'
import { demonstration } from './callback/demonstration.js'
import type { Answerer } from './callback/inbox.js'
import { countPush } from './callback/push-count.js'
import { logPush } from './callback/push-log.js'
import { Pushes } from './callback/pushes.js'
import { callbackRoutes } from './callback/routes.js'
import { type AccountConfig, type Config, checkDataDir } from './config.js'
import { answer } from './http/answer.js'
import { HttpError } from './http/error.js'
import type { Route, Who } from './http/route.js'
import { createRouter } from './http/router.js'
import { logCredential } from './ops/credential-log.js'
import { createLog, type Log, type LogOptions } from './ops/log.js'
import { Metrics } from './ops/metrics.js'
import { requestLog } from './ops/request-log.js'
import { opsRoutes } from './ops/routes.js'
import { Sparingly } from './ops/sparingly.js'
import { logStore } from './ops/store-log.js'
import { sandboxed } from './sandboxed.js'
import { fileStore } from './stores/file.js'
import { openLevel } from './stores/level.js'
import type { KeyValueStore } from './stores/store.js'
import { type Clock, systemClock } from './wechat/clock.js'
import { Secrets } from './wechat/secrets.js'
import { Wechat } from './wechat/wechat.js'

/** Lines of the log for refused pushes with one reason: whoever sends many of them shall not fill it. */
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
  readonly router: Router
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
  const store = await openLevel(config.dataDir, { clock, onEvent: (event) => logStore(log.log, event) })
  const undo = [() => store.close()]
  const undone = async (error: unknown): Promise<never> => {
    for (const step of undo.reverse()) await step()
    throw error
  }
  const sandbox = Object.keys(config.accounts).length === 0 ? await sandboxed(config, clock).catch(undone) : undefined
  if (sandbox !== undefined) undo.push(() => sandbox.close())
  // Last of what can fail: a key that is made must get to the one who started the hub.
  const { clients, madeKey } = await openAccess(config, secrets).catch(undone)

  const metrics = new Metrics(
    () => accounts.all,
    ({ appID }) => pushes.outbox.depth(appID),
  )
  const accounts = createAccounts(sandbox?.config ?? config, { clock, secrets, log: log.log, metrics })
  const pushes = createPushes(sandbox?.config ?? config, {
    ...{ accounts, secrets, store, clock, log: log.log, metrics },
    otherwise: sandbox === undefined ? undefined : demonstration(clock),
  })
  // Not waited for: however much is stored, the credentials come first.
  pushes.start().catch((error: unknown) => log.log.error({ err: error }, 'the outbox could not be read'))
  const refusals = new Sparingly(clock, refusalsAMinute)
  const guardFor = (who: Who) => guard(who, { clients, findAccount: (name) => accounts.find(name) })
  // The router tries them in this order: what is asked for most comes first.
  const routes = [
    ...brokerRoutes({
      clock,
      testEndpoint: sandbox === undefined ? { scope: 'token' } : 'anyone',
      standardAccount: accounts.standard?.name ?? '',
      accountOf: (ctx) => accountOf(ctx, accounts),
      callerOf: (ctx) => `client ${ctx.state['client']?.name}`,
      given: (account, source) => metrics.tokenGiven(account, source),
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
    ...opsRoutes({ accounts, metrics, maySeeDetails: (ctx) => passes(guardFor({ scope: 'metrics' }), ctx) }),
  ]
  const router = createRouter(routes, guardFor)
  return {
    handler: createApp(config, router, log, clock).callback(),
    routes,
    router,
    accounts,
    log,
    firstKey: madeKey,
    sandboxUrl: sandbox?.url,
    async close() {
      await pushes.close()
      await Promise.all(accounts.all.map(({ wechat }) => wechat.close()))
      await sandbox?.close()
      await store.close()
      await log.close()
    },
  }
}

/** Who may come in: the clients of the configuration, of the environment and of the data folder. */
async function openAccess(config: Config, secrets: Secrets) {
  const existing = config.key !== undefined || Object.keys(config.clients).length > 0
  const stored = await firstKey({ dataDir: config.dataDir, existing })
  secrets.keep(...[config.key, stored.key].filter((key) => key !== undefined))
  const learn = (key: string) => secrets.keep(key)
  const clients = new Clients({ configured: config.clients, key: config.key, stored: stored.clients, learn })
  return { clients, madeKey: stored.key }
}

function createAccounts(
  config: Config,
  { clock, secrets, log, metrics }: { clock: Clock; secrets: Secrets; log: Log['log']; metrics: Metrics },
): Accounts {
  const store = fileStore(config.dataDir)
  const create = ([name, account]: [string, AccountConfig]): Account => {
    const { appID, appSecret, token, encodingAESKey, mode, type, endpoint, dailyTokens } = account
    const wechat = new Wechat({
      ...{ appID, appSecret, token, encodingAESKey, mode, type, endpoint, dailyTokens },
      ...config.wechat,
      storage: store.account(appID),
      clock,
      secrets,
      onCall: (observation) => metrics.apiCalled(name, observation),
      onEvent: (event) => {
        metrics.happened(name, event)
        logCredential(log, name, event)
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
  return new Pushes({
    accounts: accounts.all.map(({ name, wechat }) => {
      return { name, wechat, routes: config.accounts[name]?.routes ?? [], otherwise }
    }),
    ...{ store, clock, random: Math.random },
    observe(account, event) {
      logPush(log, { account }, event)
      countPush(metrics.pushes, account, event)
    },
  })
}

function createApp(config: Config, router: Router, log: Log, clock: Clock): Koa {
  // Of X-Forwarded-For only the last address is the proxy's own word; those before it the caller can write.
  const app = new Koa({ proxy: config.server.trustProxy, maxIpsCount: 1 })
  const failed = (error: unknown, ctx?: Context) =>
    log.log.error({ err: error, requestId: ctx?.state['requestId'] }, 'unexpected error')
  app.on('error', failed)
  app.use(requestLog(log, clock))
  app.use(answer(failed))
  app.use(router.routes())
  app.use(router.allowedMethods())
  return app
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
