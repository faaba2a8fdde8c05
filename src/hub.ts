import type { RequestListener } from 'node:http'
import type Router from 'koa-router'
import type { Accounts } from './accounts.js'
import { demonstration } from './callback/demonstration.js'
import { type Config, checkDataDir } from './config.js'
import type { Route } from './http/route.js'
import { createRouting } from './http/router.js'
import { createAccounts } from './hub/accounts.js'
import { createAdmission } from './hub/admission.js'
import { createApp } from './hub/app.js'
import { createAudit } from './hub/audit.js'
import { createGateway } from './hub/gateway.js'
import { openAll } from './hub/open-all.js'
import { createPushes } from './hub/pushes.js'
import { allRoutes } from './hub/routes.js'
import { noteClientChange } from './ops/audit-notes.js'
import { createLog, type Log, type LogOptions } from './ops/log.js'
import { Metrics } from './ops/metrics.js'
import { type Clock, systemClock } from './wechat/clock.js'
import { Secrets } from './wechat/secrets.js'

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
 * Builds the hub that a configuration describes. The one place that knows every module, with its folder of the same name.
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
  const basics = { clock, secrets, log: log.log }
  const { stores, sandbox, keys, sessions, script, clients, madeKey, watch } = await openAll(config, {
    ...basics,
    clientChanged: (change) => noteClientChange(audit, change),
  })

  const served = sandbox?.config ?? config
  const metrics = new Metrics(
    () => accounts.all,
    ({ appID }) => pushes.outbox.depth(appID),
  )
  const audit = createAudit(served, { ...basics, metrics })
  const watched = { ...basics, metrics, audit }
  const accounts = createAccounts(served, { ...watched, credentials: stores.credentials })
  const otherwise = sandbox === undefined ? undefined : demonstration(clock)
  const pushes = createPushes(served, { ...watched, accounts, store: stores.records, otherwise })
  // Not waited for: however much is stored, the credentials come first.
  pushes.start().catch((error: unknown) => log.log.error({ err: error }, 'the outbox could not be read'))
  const admission = createAdmission(served, { ...watched, accounts, clients, keys, counts: stores.counts })
  const gateway = createGateway(served, { callers: admission.callers, metrics })
  const routes = allRoutes(served, {
    ...{ ...watched, accounts, pushes, admission, sessions, script, stores },
    testEndpoint: sandbox === undefined ? { scope: 'token' } : 'anyone',
  })
  const routing = createRouting(routes, admission.guardFor)
  return {
    handler: createApp(served, { gateway, routing, log, clock }).callback(),
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
