import { Counter, type Registry } from 'prom-client'
import type { Account } from '../accounts.js'

/** The metrics of calls through the gateway. */
export class GatewayMetrics {
  readonly #calls
  readonly #retries

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
  }

  count({ name }: Account, outcome: string, retried: boolean): void {
    this.#calls.inc({ account: name, outcome })
    if (retried) this.#retries.inc({ account: name })
  }
}
