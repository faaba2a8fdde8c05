export interface HubOptions {
  /** Where the hub is reached: `https://hub.example.com`, which has to be a request合法域名 of the mini program. */
  hub: string
  /** The account's name in the hub's configuration, or its appID. */
  account: string
  /** The origins of your own back ends: they get the session as `X-Session`. Nobody else does. Default: none. */
  backEnds?: string[]
  /** For calls to the hub, in ms. Default: 10,000. */
  timeout?: number
  /** Is told what fails in the background. Default: nobody is; it is tried again after 30 s, or later if the hub says so. */
  onError?: (error: HubError) => void
}

export interface HubError extends Error {
  /** WeChat's or the hub's; -1 where neither was reached. */
  errcode: number
  /** What can be done about it. */
  hint?: string
  /** Of the hub's answer, if there was one. */
  statusCode?: number
  /** To be found in the hub's log. */
  requestId?: string
  /** When another try may succeed, in seconds, where the hub said so. */
  retryAfter?: number
}

export interface HubSession {
  session: string
  /** In seconds. */
  expires_in: number
}

/** Whatever `wx.request` takes, without the callbacks. */
export interface HubRequest {
  url: string
  method?: string
  data?: unknown
  header?: Record<string, string>
  /** In ms. */
  timeout?: number
  [option: string]: unknown
}

/** Every promise rejects with a `HubError`. */
export interface Hub {
  /**
   * A new login, one at a time: calls that come meanwhile share it. After one that failed none is tried for 3 s, or for as long as the
   * hub's `Retry-After` says, 60 s at most: the same error is the answer, to `session` and `request` too.
   */
  login(): Promise<HubSession & { new_user?: boolean }>
  /**
   * The session; logs in if there is none or it is over. With `checkKey` also if WeChat no longer takes the user's session_key: ask for
   * it *before* the user is asked for encrypted data, for the key of a later login does not fit.
   */
  session(options?: { checkKey?: boolean }): Promise<string>
  /**
   * `wx.request` with the session: `Authorization: Bearer` to the hub, `X-Session` to `backEnds`. Resolves whatever the
   * status. After a 401 that is due to the session it logs in and asks once more.
   */
  request<T = unknown>(options: HubRequest): Promise<{ statusCode: number; data: T; header: Record<string, string> }>
  /**
   * The data inside, which the hub deciphers, and when WeChat made them, in seconds since the epoch. Rejects with errcode 87009 when
   * the session_key has been replaced; a login was made by then, and the user can be asked again.
   */
  decrypt<T = unknown>(sealed: { encryptedData: string; iv: string }): Promise<{ data: T; timestamp: number }>
  /** Rejects, as `decrypt` does, unless `rawData` is as WeChat signed it. */
  verify(signed: { rawData: string; signature: string }): Promise<{ valid: true }>
  /** Prolongs the session; logs in if the hub no longer knows it. Another failure leaves it as it is, to its end. */
  renew(): Promise<HubSession>
  /** Forgets the session, then ends it at the hub. Whoever asks for a session later logs in anew. */
  logout(): Promise<void>
  /** For `onLaunch`: logs in, after a `logout` too, and from now on renews every 20 minutes while the mini program is in the foreground. */
  start(): void
  /** Ends the renewals. */
  stop(): void
}

/** @throws {TypeError} when an option is wrong */
export function createHub(options: HubOptions): Hub
