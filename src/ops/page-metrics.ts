import { Counter, type Registry } from 'prom-client'
import type { Account } from '../accounts.js'

type Outcome = 'signed' | 'refused' | 'failed'

/** The metrics of signatures for pages. Counted here, and told to the registry when it is asked: that spares a page 1 us. */
export class PageMetrics {
  readonly #counts = new Map<string, { readonly account: string; readonly outcome: Outcome; untold: number }>()

  constructor(registry: Registry) {
    const counts = this.#counts
    new Counter({
      name: 'wechat_hub_page_signatures_total',
      help: 'Requests for the signature of a page. outcome: signed, refused (403, 429 …), failed (no ticket); account: empty if there is no such account',
      labelNames: ['account', 'outcome'],
      registers: [registry],
      collect() {
        for (const count of counts.values()) {
          this.inc({ account: count.account, outcome: count.outcome }, count.untold)
          count.untold = 0
        }
      },
    })
  }

  count(account: Account | undefined, outcome: Outcome): void {
    const name = account?.name ?? ''
    const key = `${outcome} ${name}`
    const count = this.#counts.get(key) ?? { account: name, outcome, untold: 0 }
    count.untold += 1
    if (count.untold === 1) this.#counts.set(key, count)
  }
}
