import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import Koa, { type Context } from 'koa'
import type Router from 'koa-router'
import { Clients } from './access/client.js'
import { guard } from './access/guard.js'
import { firstKey } from './access/stored-clients.js'
import { type Account, Accounts } from './accounts.js'
import { brokerRoutes } from './broker/routes.js'
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
import type { Sandbox } from './sandbox/sandbox.js'
import { fileStore } from './stores/file.js'
import { type Clock, systemClock } from './wechat/clock.js'
import { Secrets } from './wechat/secrets.js'
import { Wechat } from './wechat/wechat.js'

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
 * @throws {StoredClientsError} when the stored clients are damaged.
 */
export async function createHub(config: Config, options: HubOptions = {}): Promise<Hub> {
  const { clock = systemClock, logDestination } = options
  await checkDataDir(config.dataDir)
  const secrets = new Secrets()
  const log = createLog({
    level: config.log.level,
    secrets,
    ...(logDestination === undefined ? {} : { destination: logDestination }),
  })
  const existing = config.key !== undefined || Object.keys(config.clients).length > 0
  const stored = await firstKey({ dataDir: config.dataDir, existing })
  const clients = new Clients({ configured: config.clients, key: config.key, stored: stored.clients })
  secrets.keep(...[config.key, stored.key].filter((key) => key !== undefined))

  const played = Object.keys(config.accounts).length === 0 ? await startSandbox(config, clock) : undefined
  const served = played?.config ?? config
  const accounts: Accounts = new Accounts(
    Object.entries(served.accounts).map(([name, account]) => createAccount(name, account)),
  )
  const metrics = new Metrics(() => accounts.all)

  function createAccount(name: string, account: AccountConfig): Account {
    const wechat = new Wechat({
      appID: account.appID,
      appSecret: account.appSecret,
      token: account.token,
      encodingAESKey: account.encodingAESKey,
      endpoint: account.endpoint,
      dailyTokens: account.dailyTokens,
      storage: fileStore(config.dataDir).account(account.appID),
      ...served.wechat,
      clock,
      secrets,
      onCall: (observation) => metrics.apiCalled(name, observation),
      onEvent: (event) => {
        metrics.happened(name, event)
        logCredential(log.log, name, event)
      },
    })
    return { name, appID: account.appID, wechat }
  }

  const guardFor = (who: Who) => guard(who, { clients, findAccount: (name) => accounts.find(name) })
  // The router tries them in this order: what is asked for most comes first.
  const routes = [
    ...brokerRoutes({
      clock,
      testEndpoint: played === undefined ? { scope: 'token' } : 'anyone',
      standardAccount: accounts.standard?.name ?? '',
      accountOf: (ctx) => accountOf(accounts, ctx),
      callerOf: (ctx) => `client ${ctx.state['client']?.name}`,
      given: (account, source) => metrics.tokenGiven(account, source),
    }),
    ...callbackRoutes(accounts),
    ...opsRoutes({
      accounts,
      metrics,
      maySeeDetails: (ctx) => passes(guardFor({ scope: 'metrics' }), ctx),
    }),
  ]
  const router = createRouter(routes, guardFor)

  const app = new Koa({ proxy: config.server.trustProxy })
  const failed = (error: unknown, ctx?: Context) =>
    log.log.error({ err: error, requestId: ctx?.state['requestId'] }, 'unexpected error')
  app.on('error', failed)
  app.use(requestLog(log.log, clock))
  app.use(answer(failed))
  app.use(router.routes())
  app.use(router.allowedMethods())

  return {
    handler: app.callback(),
    routes,
    router,
    accounts,
    log,
    firstKey: stored.key,
    sandboxUrl: played?.url,
    async close() {
      await Promise.all(accounts.all.map(({ wechat }) => wechat.close()))
      await played?.sandbox.close()
      await log.close()
    },
  }
}

/** The sandbox, and the configuration of a hub that serves the sandbox's account. */
async function startSandbox(config: Config, clock: Clock): Promise<{ sandbox: Sandbox; url: string; config: Config }> {
  const { Sandbox, sandboxAccount } = await import('./sandbox/sandbox.js')
  const { appID, appSecret, token } = sandboxAccount
  const sandbox = new Sandbox({
    accounts: [{ appID, appSecret }],
    stateFile: join(config.dataDir, 'sandbox.json'),
    now: () => clock.now(),
  })
  const url = await sandbox.listen(config.sandbox.port)
  const account: AccountConfig = {
    type: 'official',
    appID,
    appSecret,
    token: [token],
    encodingAESKey: [],
    endpoint: 'token',
    mode: 'plain',
    dailyTokens: 2000,
  }
  const played = { ...config, accounts: { default: account }, wechat: { ...config.wechat, apiDomain: url } }
  return { sandbox, url, config: played }
}

function accountOf(accounts: Accounts, ctx: Context): Account {
  const account = accounts.find(ctx['params'].account)
  if (account === undefined) throw new HttpError(404, 'there is no such account')
  return account
}

/** Whether a guard would let this request through. */
async function passes(step: Koa.Middleware, ctx: Context): Promise<boolean> {
  try {
    await step(ctx, async () => undefined)
    return true
  } catch {
    return false
  }
}
