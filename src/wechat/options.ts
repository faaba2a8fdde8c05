import type { ApiObservation } from './api.js'
import type { Clock } from './clock.js'
import type { CredentialEvent } from './credential-event.js'
import type { Mode } from './push.js'
import type { Secrets } from './secrets.js'
import type { Lease, Storage } from './storage.js'
import type { TicketType } from './ticket-endpoint.js'
import type { TokenEndpointName } from './token-endpoint.js'

/** The access_token as it is stored. Records with only `expires_time`, or with the moment of death in `expires_in`, are read too. */
export interface AccessTokenRecord {
  readonly access_token: string
  /** Seconds it had to live when it was fetched. */
  readonly expires_in?: number
  /** When it dies, in ms since the epoch. */
  readonly expires_time?: number
  /** Rises by each save. A store shared by several processes refuses a record whose version is not higher than its own. */
  readonly version?: number
  /**
   * Of a token of the endpoint `token`: when WeChat issued it, by its own clock in ms since the epoch, not before the one, not after
   * the other. Two processes that fetched at once know by it whose token lives.
   */
  readonly issued_from?: number
  readonly issued_to?: number
}

/** A ticket as it is stored: as the access_token, with the field `ticket`. */
export interface TicketRecord extends Omit<AccessTokenRecord, 'access_token' | 'issued_from' | 'issued_to'> {
  readonly ticket: string
}

export type AccountType = 'official' | 'miniprogram'

export interface WechatOptions {
  /** `wx` and 16 letters or digits. */
  readonly appID: string
  readonly appSecret: string
  /** The Token set in WeChat's admin console, or several, newest first. Without one no handshake succeeds. */
  readonly token?: string | readonly string[]
  /** The EncodingAESKey for compatible and safe mode, 43 letters and digits, or several, newest first. */
  readonly encodingAESKey?: string | readonly string[]
  /** How pushes come, as set in WeChat's admin console. Default `safe` with an `encodingAESKey`, else `plain`. */
  readonly mode?: Mode
  /** Default `official`. A mini program takes no passive replies [MPKF]: they go by the customer-service API instead. */
  readonly type?: AccountType
  /** Gives the stored record, as JSON text or an object. Missing or broken means: fetch anew. Default: memory. */
  readonly getAccessToken?: () => Promise<unknown>
  /** Stores the record. May answer `false` to refuse one that is not newer than what is there. Default: memory. */
  readonly saveAccessToken?: (record: AccessTokenRecord) => Promise<unknown>
  /** As `getAccessToken`, for the account's ticket of this type. Default: memory. */
  readonly getTicket?: (type: TicketType) => Promise<unknown>
  /** As `saveAccessToken`, for the account's ticket of this type. Default: memory. */
  readonly saveTicket?: (type: TicketType, record: TicketRecord) => Promise<unknown>
  /** Runs `work` while no other process does, for several processes that share a store. Default: no lock. */
  readonly lock?: <T>(name: string, work: (lease: Lease) => Promise<T>) => Promise<T>
  /** All of the above in one: `fileStore(folder).account(appID)`. Excludes them. */
  readonly storage?: Storage
  /** Default `https://api.weixin.qq.com/`. */
  readonly apiDomain?: string
  /** In ms, for one call of WeChat's API, 1 to 60000. Default 5000. */
  readonly timeout?: number
  /** Which of WeChat's endpoints gives the access_token. Default `token`. */
  readonly endpoint?: TokenEndpointName
  /** WeChat's daily limit of token fetches for the account, 1 or more. Default 2000; a sandbox account (测试号) has 200. */
  readonly dailyTokens?: number
  /** In seconds: a token or ticket with this long to live, or less, is not given out. Integer, 0 to 300. Default 20. */
  readonly expiryMargin?: number
  /**
   * How long before a token dies the next one is fetched, in seconds. Integer, 0 to 299. Default 0: only at
   * `expiryMargin`, while callers wait. The hub sets 290, inside the five minutes in which old and new token both work.
   */
  readonly refreshAhead?: number
  /** Where time comes from. Default: the system's clocks. */
  readonly clock?: Clock
  /** Gives numbers from 0 up to, not including, 1. Default `Math.random`. */
  readonly random?: () => number
  /** Learns every secret as it becomes known, and takes them out of texts. */
  readonly secrets?: Secrets
  /** Told what happens to the access_token and the tickets. */
  readonly onEvent?: (event: CredentialEvent) => void
  /** Told of each finished call of WeChat's API. */
  readonly onCall?: (observation: ApiObservation) => void
}
