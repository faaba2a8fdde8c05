import { Counter, type Registry } from 'prom-client'
import type { Account } from '../accounts.js'

/** The metrics of calls through the gateway. */
export class GatewayMetrics {
  readonly #calls
  readonly #retries
  readonly #hubTokens

  constructor(registry: Registry) {
    const registers = [registry]
    this.#calls = new Counter({
      name: 'wechat_hub_gateway_calls_total',
      help: 'Calls through the gateway that were let in. outcome: forwarded (WeChat answered, whatever it said), unreachable, no-token, broken-off (its answer ended early), aborted (by the caller)',
      labelNames: ['account', 'outcome'],
      registers,
    })
    this.#retries = new Counter({
      name: 'wechat_hub_gateway_retries_total',
      help: 'Calls through the gateway that were made twice, because WeChat refused the first access_token',
      labelNames: ['account'],
      registers,
    })
    this.#hubTokens = new Counter({
      name: 'wechat_hub_hub_tokens_total',
      help: 'Hub tokens given to SDKs',
      labelNames: ['account'],
      registers,
    })
  }

  hubTokenGiven({ name }: Account): void {
    this.#hubTokens.inc({ account: name })
  }

  count({ name }: Account, outcome: string, retried: boolean): void {
    this.#calls.inc({ account: name, outcome })
    if (retried) this.#retries.inc({ account: name })
  }
}
