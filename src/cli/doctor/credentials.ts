import type { Config } from '../../config.js'
import type { Answer, Api } from '../../wechat/api.js'
import { systemClock } from '../../wechat/clock.js'
import { ErrcodeError, isTokenDead, WechatError } from '../../wechat/errors.js'
import { Governor } from '../../wechat/governor.js'
import { isCredential, readRecord } from '../../wechat/record.js'
import type { Secrets } from '../../wechat/secrets.js'
import type { Storage } from '../../wechat/storage.js'
import { limitsOf } from '../../wechat/token-endpoint.js'
import type { NamedAccount } from '../hub-settings.js'
import type { Finding } from './finding.js'

/** These speak of the address of this machine [TOKEN-OLD, STABLE]. */
const ofAddress = new Set([40164, 89501, 89502, 89503, 89504, 89505, 89506, 89507])
/** These speak of appID and AppSecret; 40001 does on a token fetch. */
const ofSecret = new Set([40001, 40013, 40125, 40243, 41002, 41004])
/** From here on the day's fetches are worth a look. */
const muchUsed = 0.8

interface Means {
  readonly config: Config
  readonly api: Api
  readonly secrets: Secrets
  /** The account's records. Undefined: they are out of reach. */
  readonly store: Storage | undefined
}

export interface CredentialFindings {
  readonly findings: readonly Finding[]
  /** One that WeChat takes. */
  readonly token?: string | undefined
}

/** AppSecret, IP whitelist, the stored token and the day's quota of one account. Fetches no token of `/cgi-bin/token`. */
export async function examineCredentials(account: NamedAccount, means: Means): Promise<CredentialFindings> {
  const { secret, address, token: probe } = await trySecret(account, means)
  const stored = await storedToken(means)
  // From an address that WeChat refuses, nothing can be learnt of a token.
  const ofToken = address.result === 'wrong' ? untried : await tryToken(stored, probe, means)
  const quota = await examineQuota(account, ofToken.token, means)
  return { findings: [secret, address, ofToken.finding, quota], token: ofToken.token }
}

interface SecretFindings {
  readonly secret: Finding
  readonly address: Finding
  readonly token?: string
}

/**
 * `POST /cgi-bin/stable_token` in its normal mode is harmless [STABLE]: its tokens live apart from those of `/cgi-bin/token`,
 * and without `force_refresh` it ends none, its own neither.
 */
async function trySecret({ appID, appSecret }: NamedAccount, { api, secrets }: Means): Promise<SecretFindings> {
  const json = { grant_type: 'client_credential', appid: appID, secret: appSecret, force_refresh: false }
  try {
    const { access_token } = await api.call('/cgi-bin/stable_token', { json })
    const secret: Finding = { check: 'AppSecret', result: 'ok', what: 'WeChat takes it' }
    const address: Finding = { check: 'IP whitelist', result: 'ok', what: 'WeChat takes calls from this machine' }
    if (!isCredential(access_token)) return { secret, address }
    secrets.keep(access_token)
    return { secret, address, token: access_token }
  } catch (error) {
    if (!(error instanceof WechatError)) throw error
    return ofRefusal(error)
  }
}

function ofRefusal(error: WechatError): SecretFindings {
  const unknown = (check: string, why: string): Finding => ({ check, result: 'unknown', what: `not known: ${why}` })
  if (ofAddress.has(error.errcode)) {
    return {
      secret: unknown('AppSecret', 'WeChat refuses the address'),
      address: wrong('IP whitelist', error, addressRemedies[error.errcode]),
    }
  }
  if (ofSecret.has(error.errcode) && error instanceof ErrcodeError) {
    const asPermanent = new ErrcodeError(error.errcode, error.errmsg, 'permanent')
    return { secret: wrong('AppSecret', asPermanent), address: unknown('IP whitelist', 'WeChat refuses the AppSecret') }
  }
  const isLasting = error.kind === 'permanent'
  const secret = isLasting ? wrong('AppSecret', error) : { ...wrong('AppSecret', error), result: 'warning' as const }
  return { secret, address: unknown('IP whitelist', 'WeChat gave no token') }
}

/** What the catalogue of errcodes does not say: how to get on. */
const addressRemedies: Readonly<Record<number, string>> = {
  89506: 'Wait 24 hours, then let the administrator agree to the message on their phone; or use another address.',
  89507: 'Wait an hour, then let the administrator agree to the message on their phone; or use another address.',
}

interface TokenFinding {
  readonly finding: Finding
  /** One that WeChat takes. */
  readonly token?: string
}

const untried: TokenFinding = {
  finding: { check: 'token', result: 'unknown', what: 'not tried: WeChat refuses the address' },
}

interface StoredToken {
  readonly value: string
  readonly secondsLeft: number
}

/** The token that the hub has stored; none if there is none, or none that is worth giving out. */
async function storedToken({ config, secrets, store }: Means): Promise<StoredToken | undefined> {
  const now = systemClock.now()
  try {
    const raw = await store?.read('access_token')
    const { value, expiresAt } = readRecord(raw, 'access_token', now)
    secrets.keep(value)
    const secondsLeft = Math.floor((expiresAt - now) / 1000)
    return secondsLeft > config.wechat.expiryMargin ? { value, secondsLeft } : undefined
  } catch {
    // There is none, or it cannot be read: for the hub that is the same.
    return undefined
  }
}

/** Whether WeChat takes a token of this account: the stored one, or else one of `stable_token`. */
async function tryToken(
  stored: StoredToken | undefined,
  probe: string | undefined,
  { api }: Means,
): Promise<TokenFinding> {
  const check = 'token'
  const token = stored?.value ?? probe
  const none = 'none is stored: the hub fetches one when a back end asks'
  if (token === undefined) return { finding: { check, result: 'unknown', what: none } }
  try {
    // [CBIP] It has no documented limit.
    await api.call('/cgi-bin/getcallbackip', { query: { access_token: token } })
    const what = stored === undefined ? `${none}. WeChat takes one of stable_token` : taken(stored)
    return { finding: { check, result: stored === undefined ? 'unknown' : 'ok', what }, token }
  } catch (error) {
    if (!(error instanceof WechatError)) throw error
    if (stored !== undefined && isTokenDead(error)) {
      return { finding: stolen(stored), ...(probe === undefined ? {} : { token: probe }) }
    }
    return { finding: wrong(check, error) }
  }
}

function taken({ secondsLeft }: StoredToken): string {
  return `WeChat takes the stored one; it lives ${secondsLeft} s more`
}

function stolen({ secondsLeft }: StoredToken): Finding {
  return {
    check: 'token',
    result: 'wrong',
    what: `WeChat refuses the stored one, which should live ${secondsLeft} s more: another program has fetched one`,
    remedy:
      'Find the program that uses the same AppSecret and point it at the hub. The hub itself recovers when a back end reports the token.',
  }
}

/** The hub's own count of today's fetches, and WeChat's where it tells. */
async function examineQuota(account: NamedAccount, token: string | undefined, means: Means): Promise<Finding> {
  const { daily } = limitsOf(account.endpoint, account.dailyTokens)
  if (means.store === undefined) return { check: 'quota', result: 'unknown', what: 'not known: Redis is out of reach' }
  const own = await countedToday(account, means.store)
  const theirs = token === undefined ? undefined : await quotaOf(account, token, means)
  const what = `${own} of ${daily} fetches counted today${theirs === undefined ? '' : `; WeChat counts ${theirs.used} of ${theirs.limit}`}`
  const share = Math.max(own / daily, theirs === undefined ? 0 : theirs.used / theirs.limit)
  if (share < muchUsed) return { check: 'quota', result: 'ok', what }
  return {
    check: 'quota',
    result: share < 1 ? 'warning' : 'wrong',
    what,
    remedy: 'It begins anew at midnight in Beijing (UTC+8). Look in the log for died-early: who else fetches tokens?',
  }
}

function countedToday({ endpoint, dailyTokens }: NamedAccount, store: Storage): Promise<number> {
  // Read only: what is broken is for the hub to set aside.
  const storage: Storage = { read: (name) => store.read(name), save: async () => false }
  const limits = limitsOf(endpoint, dailyTokens)
  return new Governor({ clock: systemClock, storage, limits, observe: () => undefined }).today()
}

async function quotaOf({ endpoint }: NamedAccount, token: string, { api }: Means) {
  const call = { query: { access_token: token }, json: { cgi_path: `/cgi-bin/${endpoint}` } }
  const answer = await api.call('/cgi-bin/openapi/quota/get', call).catch(untold)
  const { daily_limit: limit, used } = Object(answer?.['quota'])
  return Number.isSafeInteger(limit) && Number.isSafeInteger(used) && limit > 0 ? { limit, used } : undefined
}

function untold(error: unknown): Answer | undefined {
  if (error instanceof WechatError) return undefined
  throw error
}

function wrong(check: string, error: WechatError, remedy = error.hint): Finding {
  return { check, result: 'wrong', what: error.message, ...(remedy === undefined ? {} : { remedy }) }
}
