import type { WechatError } from './errors.js'
import type { Source } from './held.js'
import type { TicketType } from './ticket-endpoint.js'

/**
 * Why a credential is refreshed: nobody had one (`cold`), its end is near (`ahead`), it is too near (`expired`), WeChat
 * refused it (`rejected`), it was asked for (`manual`), or a newer record was found when it was saved (`fenced`).
 */
export type RefreshCause = 'cold' | 'ahead' | 'expired' | 'rejected' | 'manual' | 'fenced'

/** What an account has of expiring secrets. */
export type CredentialName = 'access_token' | `${TicketType}_ticket`

/** What happens to one of an account's credentials, by name; for logs and metrics. No event holds a value. */
export type CredentialEvent = { readonly credential: CredentialName } & CredentialHappening

/** What happens in the life of a credential. */
export type CredentialHappening =
  | { readonly type: 'refreshed'; readonly cause: RefreshCause; readonly from: Source; readonly expiresIn: number }
  | {
      readonly type: 'refresh-failed'
      readonly cause: RefreshCause
      readonly error: WechatError
      /** Seconds until the next try. */
      readonly retryAfter: number
      /** Whether callers still get the old value, because it lives. */
      readonly servingOld: boolean
    }
  /** Another process replaced it. */
  | { readonly type: 'adopted'; readonly expiresIn: number }
  /** WeChat refuses the access_token before its time: somebody else fetched one (P11). Ages in seconds. */
  | {
      readonly type: 'died-early'
      readonly noticedBy: string
      readonly age: number | undefined
      readonly secondsLeft: number
    }
  /**
   * Somebody reported a value as refused: it was not the current one, WeChat was asked, or WeChat had been asked just before
   * (`too-soon`; only where the reporter does not wait).
   */
  | { readonly type: 'reported'; readonly outcome: 'not-current' | 'alive' | 'dead' | 'cannot-tell' | 'too-soon' }
  | { readonly type: 'save-failed'; readonly error: unknown }
  /** The storage gave no lock; the refresh went on without. */
  | { readonly type: 'lock-failed'; readonly error: unknown }
  | { readonly type: 'read-failed'; readonly error: unknown }
  | { readonly type: 'set-aside'; readonly reason: string; readonly where: string | undefined }
