import type { Context } from 'koa'
import type { Accounts } from '../accounts.js'
import type { Route } from '../http/route.js'
import type { StoreError } from '../stores/store.js'
import { readiness } from './health.js'
import type { Metrics } from './metrics.js'

export interface OpsOptions {
  readonly accounts: Accounts
  readonly metrics: Metrics
  /** Why the store does not answer, if it does not. */
  readonly stores: { readonly failure: StoreError | undefined }
  /** Whether the caller may learn what is wrong with which account. */
  maySeeDetails(ctx: Context): Promise<boolean>
}

/** What those who run the hub ask it. */
export function opsRoutes({ accounts, metrics, stores, maySeeDetails }: OpsOptions): Route[] {
  const healthz = (ctx: Context) => {
    ctx.body = { alive: true }
  }
  const readyz = async (ctx: Context) => {
    const found = readiness(accounts.all, stores.failure)
    ctx.status = found.ready ? 200 : 503
    const { ready, degraded } = found
    ctx.body = (await maySeeDetails(ctx)) ? found : { ready, ...(degraded === undefined ? {} : { degraded }) }
  }
  const metricsPage = async (ctx: Context) => {
    const { text, contentType } = await metrics.page()
    ctx.set('content-type', contentType)
    ctx.body = text
  }
  return [
    { method: 'GET', path: '/healthz', name: 'alive', who: 'anyone', handle: healthz },
    { method: 'GET', path: '/readyz', name: 'ready', who: 'anyone', handle: readyz },
    { method: 'GET', path: '/metrics', name: 'metrics', who: { scope: 'metrics' }, handle: metricsPage },
  ]
}
