import { Counter, type Registry } from 'prom-client'
import type { Account } from '../accounts.js'

/** The metrics of signatures for pages. */
export class PageMetrics {
  readonly #signatures

  constructor(registry: Registry) {
    this.#signatures = new Counter({
      name: 'wechat_hub_page_signatures_total',
      help: 'Requests for the signature of a page. outcome: signed, refused (403, 429 …), failed (no ticket); account: empty if there is no such account',
      labelNames: ['account', 'outcome'],
      registers: [registry],
    })
  }

  count(account: Account | undefined, outcome: 'signed' | 'refused' | 'failed'): void {
    this.#signatures.inc({ account: account?.name ?? '', outcome })
  }
}
