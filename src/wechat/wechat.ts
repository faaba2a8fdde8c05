import { type Answer, Api, type ApiCall } from './api.js'
import { storageOf } from './callback-storage.js'
import { type CardToSign, type SignedCard, signCard } from './card.js'
import { checkOptions } from './check-options.js'
import { systemClock } from './clock.js'
import { Credential } from './credential.js'
import type { CredentialHappening, CredentialName } from './credential-event.js'
import type { CredentialSource } from './credential-options.js'
import { customMessage } from './customer-service.js'
import { isTokenDead } from './errors.js'
import { Governor } from './governor.js'
import { exchangeCode, isKeyReplaced, type Login } from './login.js'
import type { AccessTokenRecord, AccountType, WechatOptions } from './options.js'
import { type PageSignature, signPage } from './page-signature.js'
import { type Push, PushReader, type RefusedPush } from './push.js'
import { readRecord } from './record.js'
import type { Reply } from './reply.js'
import { Secrets } from './secrets.js'
import { shielded } from './shielded.js'
import { isSigned } from './signature.js'
import { type TicketType, ticketEndpoint, ticketTypes } from './ticket-endpoint.js'
import { limitsOf, stableTokenEndpoint, tokenEndpoint } from './token-endpoint.js'
import { sessionSignature } from './user-data.js'
import { withToken } from './with-token.js'

/**
 * One WeChat account, usable in any program without the hub.
 *
 * @example
 * const wechat = new Wechat({
 *   appID: 'wx…', appSecret: '…', token: '…',
 *   getAccessToken: () => readFile('access_token.json', 'utf8'),
 *   saveAccessToken: (record) => writeFile('access_token.json', JSON.stringify(record)),
 * })
 * const { ip_list } = await wechat.call('/cgi-bin/getcallbackip')
 */
export class Wechat {
  readonly appID: string
  readonly type: AccountType
  /** The life of the account's access_token. */
  readonly accessToken: Credential
  /** The count of the account's token fetches. */
  readonly governor: Governor
  readonly #tickets: ReadonlyMap<TicketType, Credential>
  readonly #api: Api
  readonly #tokens: readonly string[]
  readonly #pushes: PushReader
  readonly #exchangeCode: (code: string) => Promise<Login>
  readonly #clock
  readonly #margin: number

  /** @throws {TypeError} that names an option that is missing or wrong. */
  constructor(options: WechatOptions) {
    checkOptions(options)
    const { appID, appSecret, clock = systemClock, secrets = new Secrets(), onEvent, endpoint = 'token' } = options
    this.appID = appID
    this.type = options.type ?? 'official'
    this.#clock = clock
    this.#tokens = listOf(options.token)
    this.#margin = (options.expiryMargin ?? 20) * 1000
    const keys = listOf(options.encodingAESKey)
    const mode = options.mode ?? (keys.length === 0 ? 'plain' : 'safe')
    this.#pushes = new PushReader({ appID, tokens: this.#tokens, encodingAESKeys: keys, mode, clock })
    secrets.keep(appSecret, ...this.#tokens, ...keys)
    this.#api = new Api({
      clock,
      secrets,
      ...(options.apiDomain === undefined ? {} : { apiDomain: options.apiDomain }),
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      ...(options.onCall === undefined ? {} : { observe: shielded(options.onCall) }),
    })
    this.#exchangeCode = (code) => exchangeCode(this.#api, { appID, appSecret }, code)
    const storage = storageOf(options)
    const tell = onEvent === undefined ? () => undefined : shielded(onEvent)
    const about = (credential: CredentialName) => (happened: CredentialHappening) => tell({ credential, ...happened })
    const limits = limitsOf(endpoint, options.dailyTokens ?? 2000)
    this.governor = new Governor({ clock, storage, limits, observe: about('access_token') })
    const source =
      endpoint === 'token'
        ? tokenEndpoint(this.#api, { appID, appSecret }, this.governor)
        : stableTokenEndpoint(this.#api, { appID, appSecret }, this.governor)
    const credential = (name: CredentialName, from: CredentialSource): Credential =>
      new Credential({
        ...from,
        name,
        storage,
        expiryMargin: this.#margin,
        refreshAhead: (options.refreshAhead ?? 0) * 1000,
        timeout: options.timeout ?? 5000,
        clock,
        random: options.random ?? Math.random,
        learn: (value) => secrets.rotate(`${appID} ${name}`, value),
        observe: about(name),
      })
    const accessToken = credential('access_token', {
      field: 'access_token',
      fetch: source.fetch,
      exclusive: source.exclusive,
      probe: (token) => this.#isAccepted(token),
    })
    const ticket = (type: TicketType) => credential(`${type}_ticket`, ticketEndpoint(this.#api, type, accessToken))
    this.accessToken = accessToken
    this.#tickets = new Map(ticketTypes.map((type) => [type, ticket(type)]))
  }

  /** The access_token and the tickets, asked for or not. */
  get credentials(): readonly Credential[] {
    return [this.accessToken, ...this.#tickets.values()]
  }

  /**
   * The life of the account's ticket of this type. Nothing is fetched for it before it is asked for.
   *
   * @throws {TypeError} for another type than `jsapi` and `wx_card`.
   */
  ticket(type: TicketType): Credential {
    const ticket = this.#tickets.get(type)
    if (ticket === undefined) throw new TypeError(`"type" must be one of ${ticketTypes.join(', ')}`)
    return ticket
  }

  /**
   * A living ticket: `jsapi` to sign for JS-SDK pages, `wx_card` for cards.
   *
   * @throws {CredentialUnavailable} with `retryAfter`, at most 8 s after the call, when none can be had.
   */
  async fetchTicket(type: TicketType): Promise<string> {
    return this.ticket(type).value()
  }

  /**
   * What `wx.config` needs for the page with this URL, which is signed as it is given, up to its first `#`. Check first
   * whose page it is: whoever has a signature can use the account in that page.
   *
   * @throws {CredentialUnavailable} as `fetchTicket` does.
   */
  async signUrl(url: string): Promise<PageSignature> {
    return signPage(this.appID, await this.ticket('jsapi').value(), url, this.#clock)
  }

  /**
   * The signature of a card, for `cardExt` of `wx.addCard` or, with `use: 'chooseCard'`, as `cardSign` of `wx.chooseCard`.
   *
   * @throws {CredentialUnavailable} as `fetchTicket` does.
   */
  async signCard(card: CardToSign): Promise<SignedCard> {
    return signCard(this.appID, await this.fetchTicket('wx_card'), card, this.#clock)
  }

  /**
   * Whether a query is signed by WeChat with this account's Token: the check of the handshake and of plain pushes [PUSH].
   * Values that are missing, repeated or not plain ASCII make it unsigned.
   */
  auth(query: Readonly<Record<string, unknown>>): boolean {
    return isSigned(query, this.#tokens)
  }

  /**
   * What WeChat pushed: checked against this account's Tokens and, where its mode asks for it, deciphered. Whatever the query
   * says, the mode is the account's.
   */
  readPush(query: Readonly<Record<string, unknown>>, body: string): Push | RefusedPush {
    return this.#pushes.read(query, body)
  }

  /**
   * Sends a message to a user by the customer-service API, which WeChat allows within 48 hours of the user's last one.
   *
   * @throws {TypeError} for `transfer_customer_service`, which is a passive reply only.
   * @throws {WechatError} as `call` does.
   */
  async sendMessage(openid: string, reply: Reply): Promise<void> {
    const json = customMessage(reply, openid)
    if (json === undefined) throw new TypeError(`"${reply.MsgType}" can only be a passive reply`)
    await this.call('/cgi-bin/message/custom/send', { json })
  }

  /**
   * Who has logged in to the mini program: exchanges the code of `wx.login`, which works once, within 5 minutes. The
   * `session_key` must never leave this program.
   *
   * @throws {ErrcodeError} 40029 for a wrong or old code, 40163 for a used one, 40226 for a user whom WeChat blocks.
   * @throws {UpstreamError} when WeChat can't be reached, takes too long, or answers something else.
   */
  login(code: string): Promise<Login> {
    return this.#exchangeCode(code)
  }

  /**
   * Whether this session_key is still the user's: a later `wx.login` may have replaced it.
   *
   * @throws {WechatError} as `call` does.
   */
  async checkSessionKey(openid: string, sessionKey: string): Promise<boolean> {
    const query = { openid, signature: sessionSignature(sessionKey, ''), sig_method: 'hmac_sha256' }
    try {
      await this.call('/wxa/checksession', { query })
      return true
    } catch (error) {
      if (isKeyReplaced(error)) return false
      throw error
    }
  }

  /**
   * A living access_token.
   *
   * @throws {CredentialUnavailable} with `retryAfter`, at most 8 s after the call, when none can be had.
   */
  fetchAccessToken(): Promise<string> {
    return this.accessToken.value()
  }

  /**
   * Asks WeChat for an access_token now, stores it, and answers it. From the endpoint `token` it is a new one, and the old
   * one lives 300 s on; `stable_token` gives the same one until its last five minutes.
   *
   * @throws {WechatError} when that fails; the old one stays.
   */
  async updateAccessToken(): Promise<string> {
    return (await this.accessToken.update()).value
  }

  /** Whether a stored record holds an access_token with more than `expiryMargin` to live. */
  isValidAccessToken(record: AccessTokenRecord | string | null | undefined): boolean {
    try {
      return readRecord(record, 'access_token', this.#clock.now()).expiresAt - this.#clock.now() > this.#margin
    } catch {
      return false
    }
  }

  /**
   * Reports that WeChat refused this access_token, and answers a living one. It is replaced only if it is the current one
   * and WeChat, when asked, refuses it. `noticedBy` names the reporter, for people.
   */
  async rejectAccessToken(token: string, noticedBy = 'a report'): Promise<string> {
    return (await this.accessToken.reject(token, noticedBy)).value
  }

  /**
   * Calls WeChat's API with the account's access_token. When WeChat refuses the token it is replaced, and the call is made
   * once more.
   *
   * @throws {CredentialUnavailable} when no access_token can be had.
   * @throws {ErrcodeError} when WeChat answers with an errcode other than 0.
   * @throws {UpstreamError} when WeChat can't be reached, takes too long, or answers something else than a JSON object.
   */
  async call(path: string, call: ApiCall = {}): Promise<Answer> {
    const tokens = {
      get: () => this.fetchAccessToken(),
      reject: (token: string, noticedBy: string) => this.rejectAccessToken(token, noticedBy),
    }
    return withToken(tokens, path, (token) => this.#callWith(token, path, call))
  }

  /** Ends timers, watches and idle connections. Resolves when what is in flight has ended. */
  async close(): Promise<void> {
    await Promise.all(this.credentials.map((credential) => credential.stop()))
    this.#api.close()
  }

  #callWith(token: string, path: string, call: ApiCall): Promise<Answer> {
    return this.#api.call(path, { ...call, query: { ...call.query, access_token: token } })
  }

  /** [CBIP] `getcallbackip` has no documented limit, and answers 40001 to a token that is not the latest. */
  async #isAccepted(token: string): Promise<boolean> {
    try {
      await this.#callWith(token, '/cgi-bin/getcallbackip', {})
      return true
    } catch (error) {
      if (isTokenDead(error)) return false
      throw error
    }
  }
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}
