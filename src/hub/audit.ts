import { join } from 'node:path'
import type { Config } from '../config.js'
import { Audit } from '../ops/audit.js'
import { logAudit } from '../ops/audit-log.js'
import { cleanText } from '../ops/log-redaction.js'
import type { Watched } from './basics.js'

/** The audit log, whose own troubles are logged and counted. */
export function createAudit({ dataDir }: Config, { clock, secrets, log, metrics }: Omit<Watched, 'audit'>): Audit {
  return new Audit({
    folder: join(dataDir, 'audit'),
    clock,
    clean: (text) => cleanText(text, secrets),
    observe(event) {
      logAudit(log, event)
      metrics.audited(event)
    },
  })
}
