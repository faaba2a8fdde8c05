import type { Audit } from '../ops/audit.js'
import type { Logger } from '../ops/log.js'
import type { Metrics } from '../ops/metrics.js'
import type { Clock } from '../wechat/clock.js'
import type { Secrets } from '../wechat/secrets.js'

/** What each part of the hub is built with. */
export interface Basics {
  readonly clock: Clock
  readonly secrets: Secrets
  readonly log: Logger
}

/** The same for a part that tells what it does: to those who count, and to those who note it. */
export interface Watched extends Basics {
  readonly metrics: Metrics
  readonly audit: Audit
}
