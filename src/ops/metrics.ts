import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Account } from '../accounts.js'
import type { ApiObservation } from '../wechat/api.js'
import type { CredentialEvent } from '../wechat/credential-event.js'
import type { Source } from '../wechat/held.js'
import type { TicketType } from '../wechat/ticket-endpoint.js'
import { silentMetric, thisWorker, workersMetric } from '../workers/this-worker.js'
import type { AuditFileEvent } from './audit-file.js'
import { GatewayMetrics } from './gateway-metrics.js'
import { PageMetrics } from './page-metrics.js'
import { type OutboxDepth, PushMetrics } from './push-metrics.js'
import { SessionMetrics } from './session-metrics.js'

/** The hub's metrics, in Prometheus' terms. No label holds a secret, and none has values that a caller chooses. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #refreshes = new Counter({
    name: 'wechat_hub_refreshes_total',
    help: 'Refreshes of a credential. cause: cold, ahead, expired, rejected, manual, fenced, or adopted (another process did it by itself); outcome: wechat, store (another process had done it), or the code of the error',
    labelNames: ['account', 'credential', 'cause', 'outcome'],
    registers: [this.#registry],
  })
  readonly #upstream = new Histogram({
    name: 'wechat_hub_upstream_seconds',
    help: 'How long calls of the WeChat API took. outcome: ok, or the code of the error',
    labelNames: ['account', 'path', 'outcome'],
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.#registry],
  })
  readonly #requests = new Counter({
    name: 'wechat_hub_token_requests_total',
    help: 'Tokens given to back ends. source: memory, store or wechat',
    labelNames: ['account', 'source'],
    registers: [this.#registry],
  })
  /** To look up labels costs more than to count. */
  readonly #requestCounters = new Map<Account, Record<Source, Counter.Internal>>()
  readonly #ticketRequests = new Counter({
    name: 'wechat_hub_ticket_requests_total',
    help: 'Tickets given to back ends. credential: jsapi_ticket or wx_card_ticket; source: memory, store or wechat',
    labelNames: ['account', 'credential', 'source'],
    registers: [this.#registry],
  })
  readonly #reports = new Counter({
    name: 'wechat_hub_rejected_reports_total',
    help: 'Reports that WeChat refused a credential. outcome: not-current, alive, dead, cannot-tell or too-soon',
    labelNames: ['account', 'credential', 'outcome'],
    registers: [this.#registry],
  })
  readonly #diedEarly = new Counter({
    name: 'wechat_hub_tokens_died_early_total',
    help: 'Tokens that died before their time: another program fetched one with the same AppSecret',
    labelNames: ['account'],
    registers: [this.#registry],
  })
  readonly #rateLimited = new Counter({
    name: 'wechat_hub_rate_limited_total',
    help: 'Requests refused with 429. limit: client, address (without a right key), page (signatures of pages), or login (of mini programs)',
    labelNames: ['limit'],
    registers: [this.#registry],
  })
  readonly #auditFailures = new Counter({
    name: 'wechat_hub_audit_failures_total',
    help: 'Failed tries to write the audit log',
    registers: [this.#registry],
  })
  readonly #auditLost = new Counter({
    name: 'wechat_hub_audit_lost_total',
    help: 'Lines of the audit log that were lost because it could not be written',
    registers: [this.#registry],
  })
  readonly #storeFailures = new Counter({
    name: 'wechat_hub_store_failures_total',
    help: 'Failures of the store. operation: save, read, lock, set-aside, or of a push claim, finish, late, outbox',
    labelNames: ['account', 'operation'],
    registers: [this.#registry],
  })

  /** Those of pushes. */
  readonly pushes: PushMetrics

  /** Those of the gateway. */
  readonly gateway = new GatewayMetrics(this.#registry)

  /** Those of mini programs' logins. */
  readonly sessions = new SessionMetrics(this.#registry)

  /** Those of pages. */
  readonly pages = new PageMetrics(this.#registry)

  constructor(accounts: () => readonly Account[], outboxDepth: OutboxDepth) {
    collectDefaultMetrics({ register: this.#registry, prefix: 'wechat_hub_' })
    this.#addSecondsLeft(accounts)
    this.#addGauge('wechat_hub_fetches_today', "Token fetches counted against the account's daily limit", accounts, {
      valueOf: ({ wechat }) => wechat.governor.today(),
    })
    this.#addGauge('wechat_hub_fetches_daily_limit', 'Token fetches a day that the hub allows itself', accounts, {
      valueOf: ({ wechat }) => wechat.governor.limits.daily,
    })
    this.#addWorkers()
    thisWorker()?.peers.answerFrom(this.#registry)
    this.pushes = new PushMetrics(this.#registry, { accounts, outboxDepth, storeFailures: this.#storeFailures })
  }

  tokenGiven(account: Account, source: Source): void {
    let counters = this.#requestCounters.get(account)
    if (counters === undefined) {
      const counterOf = (from: Source) => this.#requests.labels({ account: account.name, source: from })
      counters = { memory: counterOf('memory'), store: counterOf('store'), wechat: counterOf('wechat') }
      this.#requestCounters.set(account, counters)
    }
    counters[source].inc()
  }

  ticketGiven({ name: account }: Account, type: TicketType, source: Source): void {
    this.#ticketRequests.inc({ account, credential: `${type}_ticket`, source })
  }

  apiCalled(account: string, { path, outcome, ms }: ApiObservation): void {
    this.#upstream.observe({ account, path, outcome }, ms / 1000)
  }

  happened(account: string, event: CredentialEvent): void {
    const { credential } = event
    switch (event.type) {
      case 'refreshed':
        this.#refreshes.inc({ account, credential, cause: event.cause, outcome: event.from })
        break
      case 'refresh-failed':
        this.#refreshes.inc({ account, credential, cause: event.cause, outcome: event.error.code })
        break
      case 'adopted':
        this.#refreshes.inc({ account, credential, cause: 'adopted', outcome: 'store' })
        break
      case 'reported':
        this.#reports.inc({ account, credential, outcome: event.outcome })
        break
      case 'died-early':
        this.#diedEarly.inc({ account })
        break
      default:
        this.#storeFailures.inc({ account, operation: event.type.replace('-failed', '') })
    }
  }

  rateLimited(limit: 'client' | 'address' | 'page' | 'login'): void {
    this.#rateLimited.inc({ limit })
  }

  audited({ type }: AuditFileEvent): void {
    if (type === 'failed') this.#auditFailures.inc()
    else if (type === 'lost') this.#auditLost.inc()
  }

  /** The text that Prometheus reads, and its content type: for all workers together, if there are several. */
  async page(): Promise<{ text: string; contentType: string }> {
    const registry = (await thisWorker()?.peers.all()) ?? this.#registry
    return { text: await registry.metrics(), contentType: registry.contentType }
  }

  #addGauge(
    name: string,
    help: string,
    accounts: () => readonly Account[],
    source: { valueOf(account: Account): number | Promise<number> },
  ): void {
    new Gauge({
      name,
      help,
      labelNames: ['account'],
      registers: [this.#registry],
      async collect() {
        for (const account of accounts()) this.set({ account: account.name }, await source.valueOf(account))
      },
    })
  }

  /** Of the tickets only those that have been asked for: an account need not use any. */
  #addSecondsLeft(accounts: () => readonly Account[]): void {
    new Gauge({
      name: 'wechat_hub_credential_seconds_left',
      help: 'Seconds the present credential has to live. credential: access_token, jsapi_ticket or wx_card_ticket, the latter two once they have been asked for',
      labelNames: ['account', 'credential'],
      registers: [this.#registry],
      collect() {
        for (const { name: account, wechat } of accounts()) {
          for (const credential of wechat.credentials) {
            const { asked, secondsLeft } = credential.state
            const isShown = asked || credential === wechat.accessToken
            if (isShown) this.set({ account, credential: credential.name }, secondsLeft)
          }
        }
      },
    })
  }

  /** Each worker counts itself; those who do not answer are counted by the one that is asked. */
  #addWorkers(): void {
    const registers = [this.#registry]
    new Gauge({ name: workersMetric, help: 'Processes of the hub whose figures are on this page', registers }).set(1)
    const help =
      'Processes of the hub that are dead or did not answer within a second: what they counted before is here'
    new Gauge({ name: silentMetric, help, registers }).set(0)
  }
}
