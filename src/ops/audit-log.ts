import type { AuditFileEvent } from './audit-file.js'
import type { Logger } from './log.js'

/** Writes what becomes of the audit log as lines of the log: one when it can't be written, and one when it can again. */
export function logAudit(log: Pick<Logger, 'error' | 'warn'>, event: AuditFileEvent): void {
  if (event.type === 'failed' && event.first) {
    const record = { event: 'audit-failed', err: event.error }
    log.error(record, 'the audit log could not be written; its lines are kept in memory, and it is tried again')
  } else if (event.type === 'recovered') {
    log.warn({ event: 'audit-recovered', lost: event.lost }, 'the audit log can be written again')
  }
}
