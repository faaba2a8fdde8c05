import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Account } from '../accounts.js'

/** How many jobs wait in the outbox for an account. */
export type OutboxDepth = (account: Account) => number

export interface PushMetricsOptions {
  readonly accounts: () => readonly Account[]
  readonly outboxDepth: OutboxDepth
  /** Counts failures of the store, of pushes too. */
  readonly storeFailures: Counter<'account' | 'operation'>
}

/** The metrics of pushes. */
export class PushMetrics {
  readonly #pushes
  readonly #seconds
  readonly #duplicates
  readonly #refused
  readonly #faults
  readonly #late
  readonly #tries
  readonly #storeFailures

  constructor(registry: Registry, { accounts, outboxDepth, storeFailures }: PushMetricsOptions) {
    const registers = [registry]
    this.#storeFailures = storeFailures
    this.#pushes = new Counter({
      name: 'wechat_hub_pushes_total',
      help: 'Deliveries of pushes that WeChat signed. type: the MsgType, or "event" and its name; outcome: reply, success, or unanswered (so that WeChat asks again)',
      labelNames: ['account', 'type', 'outcome'],
      registers,
    })
    this.#seconds = new Histogram({
      name: 'wechat_hub_push_seconds',
      help: 'How long WeChat waited for the answer to a push',
      labelNames: ['account'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 4.5, 5],
      registers,
    })
    this.#duplicates = new Counter({
      name: 'wechat_hub_push_duplicates_total',
      help: 'Deliveries of a push that had been delivered before; they are not handled again',
      labelNames: ['account'],
      registers,
    })
    this.#refused = new Counter({
      name: 'wechat_hub_pushes_refused_total',
      help: 'Pushes that were refused. reason: signature, not-encrypted, undecipherable, malformed, ambiguous, too-long or broken-off',
      labelNames: ['reason'],
      registers,
    })
    this.#faults = new Counter({
      name: 'wechat_hub_back_end_faults_total',
      help: 'Back ends that gave no reply that can be used. fault: timeout, unreachable, reset, status, too-long, rubbish, busy or failed',
      labelNames: ['account', 'to', 'fault'],
      registers,
    })
    this.#late = new Counter({
      name: 'wechat_hub_late_replies_total',
      help: 'Replies that were not there within 4.1 s. way: customer-service, retry or drop',
      labelNames: ['account', 'way'],
      registers,
    })
    this.#tries = new Counter({
      name: 'wechat_hub_outbox_tries_total',
      help: 'Tries to send something from the outbox. kind: copy (to an observer), ask (a back end once more) or reply (to a user); outcome: sent, retry (it failed and is tried again) or dead',
      labelNames: ['account', 'kind', 'outcome'],
      registers,
    })
    new Gauge({
      name: 'wechat_hub_outbox_depth',
      help: 'What waits in the outbox to be sent',
      labelNames: ['account'],
      registers,
      collect() {
        for (const account of accounts()) this.set({ account: account.name }, outboxDepth(account))
      },
    })
  }

  answered(labels: { account: string; type: string; outcome: string }, seconds: number, duplicate: boolean): void {
    const { account } = labels
    this.#pushes.inc(labels)
    this.#seconds.observe({ account }, seconds)
    if (duplicate) this.#duplicates.inc({ account })
  }

  refused(reason: string): void {
    this.#refused.inc({ reason })
  }

  fault(labels: { account: string; to: string; fault: string }): void {
    this.#faults.inc(labels)
  }

  late(labels: { account: string; way: string }): void {
    this.#late.inc(labels)
  }

  tried(labels: { account: string; kind: string; outcome: string }): void {
    this.#tries.inc(labels)
  }

  storeFailed(labels: { account: string; operation: string }): void {
    this.#storeFailures.inc(labels)
  }
}
