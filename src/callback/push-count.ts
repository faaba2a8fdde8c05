import { withoutQuery } from '../wechat/api.js'
import type { CallbackEvent } from './callback-event.js'
import { pushType } from './push-type.js'

/** Where pushes are counted. */
export interface PushCounters {
  answered(labels: { account: string; type: string; outcome: string }, seconds: number, duplicate: boolean): void
  refused(reason: string): void
  fault(labels: { account: string; to: string; fault: string }): void
  late(labels: { account: string; way: string }): void
  tried(labels: { account: string; kind: string; outcome: 'sent' | 'retry' | 'dead' }): void
  storeFailed(labels: { account: string; operation: string }): void
}

/** Counts what happens to the pushes of an account. */
export function countPush(counters: PushCounters, account: string, event: CallbackEvent): void {
  switch (event.type) {
    case 'answered': {
      const { message, outcome, ms, duplicate } = event
      counters.answered({ account, type: pushType(message), outcome }, ms / 1000, duplicate)
      break
    }
    case 'refused':
      counters.refused(event.reason)
      break
    case 'fault':
      counters.fault({ account, to: withoutQuery(event.to), fault: event.error.kind })
      break
    case 'late':
      counters.late({ account, way: event.way })
      break
    case 'sent':
      counters.tried({ account, kind: event.job.kind, outcome: 'sent' })
      break
    case 'not-sent':
      counters.tried({ account, kind: event.job.kind, outcome: event.retryIn === undefined ? 'dead' : 'retry' })
      break
    case 'store-failed':
      counters.storeFailed({ account, operation: event.operation })
  }
}
