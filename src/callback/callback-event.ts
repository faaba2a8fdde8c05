import type { Message } from '../wechat/message.js'
import type { RefusalReason } from '../wechat/push.js'
import type { Late } from './back-end.js'
import type { BackEndFault } from './back-end-fault.js'
import type { Job } from './job.js'

/**
 * Why a push was refused: as `RefusalReason`; `ambiguous`: several accounts have the Token that signed it; `too-long`: more than
 * 256 KiB; `broken-off`: the body did not come whole.
 */
export type Refusal = RefusalReason | 'ambiguous' | 'too-long' | 'broken-off'

/** What happens to pushes; for logs and metrics. */
export type CallbackEvent =
  /** A delivery has its answer. `unanswered`: none on purpose, so that WeChat asks again. `ms`: since it arrived. */
  | {
      readonly type: 'answered'
      readonly message: Message
      readonly outcome: 'reply' | 'success' | 'unanswered'
      /** Whether an earlier delivery of the same push had come. */
      readonly duplicate: boolean
      readonly ms: number
    }
  | { readonly type: 'refused'; readonly reason: Refusal }
  /** A back end, or a handler, gave no reply that can be used. `to`: which back end, without its query. */
  | { readonly type: 'fault'; readonly to: string; readonly error: BackEndFault }
  /** A reply came too late for the delivery that asked for it. `retry`: a later delivery was given it. */
  | { readonly type: 'late'; readonly way: Late }
  /**
   * Something was not stored: the claim of a push or its reply (it was handled all the same), a late reply that was to be
   * sent, or what became of something in the outbox (it will be sent once more).
   */
  | {
      readonly type: 'store-failed'
      readonly operation: 'claim' | 'finish' | 'late' | 'outbox'
      readonly error: unknown
    }
  /** A late reply could not be sent, and is lost. Of the hub there is none: it has an outbox. */
  | { readonly type: 'late-failed'; readonly error: unknown }
  /** A try to send something from the outbox failed; the next one is in `retryIn` ms, or never. */
  | { readonly type: 'not-sent'; readonly job: Job; readonly error: unknown; readonly retryIn: number | undefined }
  /** Something from the outbox was sent. */
  | { readonly type: 'sent'; readonly job: Job }
