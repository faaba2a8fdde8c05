import { z } from 'zod'
import { isScope } from '../access/scope.js'
import type { Scope } from '../http/route.js'
import { readRedisUrl } from '../stores/redis/url.js'
import { jsDomains } from './js-domains.js'
import { listOf, oneOf, refuse, section, text, tokenOf, trueOrFalse, wholeNumber } from './parts.js'
import { knownRouteSettings, type RouteConfig, routes } from './route-schema.js'

export type { RouteConfig }

/** One account of WeChat. */
export interface AccountConfig {
  /** Default `official`. */
  readonly type: 'official' | 'miniprogram'
  readonly appID: string
  readonly appSecret: string
  /** Where its access_token comes from. Default `token`. */
  readonly endpoint: 'token' | 'stable_token'
  /** The Token of its callback, newest first; several while it is being changed. */
  readonly token: readonly string[]
  /** The EncodingAESKeys of its callback, newest first; empty if it has none. */
  readonly encodingAESKey: readonly string[]
  /** How pushes are enciphered. Default `safe` with an `encodingAESKey`, else `plain`. */
  readonly mode: 'plain' | 'compatible' | 'safe'
  /** How many access_tokens WeChat gives this account a day. 1 to 100000, default 2000; a 测试号 has 200. */
  readonly dailyTokens: number
  /**
   * Hosts whose pages, and those of all hosts below them, may use JS-SDK. Lower-case names; default none, at most 20. The
   * built-in sandbox's end in `:*`: at any port.
   */
  readonly jsDomains: readonly string[]
  /** Where its messages go, the first that matches first. Default none; at most 100. */
  readonly routes: readonly RouteConfig[]
}

/** One back end. */
export interface ClientConfig {
  /** SHA-256 of its key, 64 lower-case hex digits; two while the key is being changed. */
  readonly keyHash: readonly string[]
  /** Names of accounts, or only `*`: all. */
  readonly accounts: readonly string[]
  readonly scopes: readonly Scope[]
}

export interface Config {
  readonly server: {
    /** Default 3000. 0: any free one. */
    readonly port: number
    /** The address to listen on. Default `::`, every one of IPv6 and IPv4. */
    readonly host: string
    /** Whether `X-Forwarded-For` is believed. Default false. */
    readonly trustProxy: boolean
    /** How many processes serve the one port, which takes a Redis and an account. 1 to 64, default 1. */
    readonly workers: number
  }
  /** Where state is kept: an absolute path. Default `data` in the working folder. */
  readonly dataDir: string
  readonly redis: {
    /** `redis://…`, `redis+sentinel://…` or `redis+cluster://…`; `rediss` for TLS. Default empty: state is kept in `dataDir`. */
    readonly url: string
    /** What all keys begin with: hubs with another one are other hubs. 1 to 64 characters, default `wechat-hub:`. */
    readonly prefix: string
    /** Default: the one in the URL, if there is one. */
    readonly password?: string | undefined
    /** Of the sentinels. Default: none. */
    readonly sentinelPassword?: string | undefined
  }
  readonly wechat: {
    /** The origin of WeChat's API, with a slash at the end. */
    readonly apiDomain: string
    /** For one call of WeChat's API, in ms. 100 to 30000, default 5000. */
    readonly timeout: number
    /** A token with this many seconds to live, or fewer, is not given out. 0 to 300, default 20. */
    readonly expiryMargin: number
    /** This many seconds before a token dies the next one is fetched. 0 to 299, default 290; 0: only at `expiryMargin`. */
    readonly refreshAhead: number
  }
  readonly log: { readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent' }
  /** How many requests are taken in a minute; 0: any number. */
  readonly limits: {
    /** Of one client. 0 to 1000000, default 60000. */
    readonly clientPerMinute: number
    /** From one address, without a right key. 0 to 1000000, default 300. */
    readonly refusedPerMinute: number
    /** From one address, for signatures of pages. 0 to 1000000, default 600. */
    readonly pagesPerMinute: number
    /** From one address, logins and requests with a session that has ended. 0 to 1000000, default 600. */
    readonly loginsPerMinute: number
  }
  /** The logins of mini programs. */
  readonly sessions: {
    /** How long a session lives, in seconds. 60 to 2592000, default 1800. */
    readonly ttl: number
    /** How long a login can be renewed for, in seconds. 60 to 31536000, default 2592000. */
    readonly maxLife: number
    /** How long a renewed session is still taken, in seconds. 0 to 3600, default 60. */
    readonly grace: number
    /** How old a user's data may be, in seconds. 0 to 31536000, default 0: any age. */
    readonly userDataMaxAge: number
    /** What session_keys are enciphered with, newest first: each 64 hex digits. Default: keys in the data folder. */
    readonly key?: readonly string[] | undefined
  }
  readonly sandbox: {
    /** Where the sandbox listens if it is started. Default 3001. */
    readonly port: number
  }
  readonly accounts: Readonly<Record<string, AccountConfig>>
  readonly clients: Readonly<Record<string, ClientConfig>>
  /** `WECHAT_HUB_KEY`: a client key that may do everything. */
  readonly key?: string | undefined
}

const port = wholeNumber(0, 65_535)
export const workers = wholeNumber(1, 64)
const perMinute = wholeNumber(0, 1_000_000)
const apiDomainRemedy = 'set an https origin such as https://api.weixin.qq.com/ (http only for this machine)'

const apiDomain = z
  .string({ error: apiDomainRemedy })
  .transform((value, context) => apiOrigin(value) ?? refuse(context, value, apiDomainRemedy))

function apiOrigin(value: string): string | undefined {
  if (!/^https?:\/\/[^\s\\/?#@]+\/?$/i.test(value) || !URL.canParse(value)) return undefined
  const url = new URL(value)
  const here = url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d+){3}$/.test(url.hostname)
  return url.protocol === 'https:' || here ? url.href : undefined
}

const encodingAESKey = text(/^[A-Za-z0-9]{43}$/, 'set the EncodingAESKey of the WeChat console: 43 letters and digits')

export const appID = text(/^wx[0-9A-Za-z]{16}$/, 'set the AppID of the WeChat console: wx and 16 letters and digits')
export const mode = oneOf(['plain', 'compatible', 'safe'])

const accountFields = {
  type: oneOf(['official', 'miniprogram']).default('official'),
  appID,
  appSecret: text(/^[A-Za-z0-9]{32}$/, 'set the AppSecret of the WeChat console: 32 letters and digits'),
  endpoint: oneOf(['token', 'stable_token']).default('token'),
  token: listOf(
    tokenOf('the WeChat console'),
    'set a Token of 3 to 32 letters and digits, or a list of such, newest first',
  ),
  encodingAESKey: listOf(
    encodingAESKey,
    'set an EncodingAESKey of 43 letters and digits, or a list of such, newest first',
  ).default([]),
  mode: mode.optional(),
  dailyTokens: wholeNumber(1, 100_000).default(2000),
  jsDomains,
  routes,
}

export const account = section(accountFields).transform(
  (fields): AccountConfig => ({
    ...fields,
    mode: fields.mode ?? (fields.encodingAESKey.length > 0 ? 'safe' : 'plain'),
  }),
)

const keyHashRemedy = 'set the SHA-256 of the key as 64 hex digits, or a list of two while the key is being changed'
const scopeRemedy =
  'set token, ticket, jssdk, session, metrics, admin, gateway:/path or gateway:/path/* (a list of these)'
const accountNamesRemedy = 'set a list of account names, or ["*"] for all'

export const keyHash = listOf(
  text(/^[0-9A-Fa-f]{64}$/, keyHashRemedy).transform((hash) => hash.toLowerCase()),
  keyHashRemedy,
  2,
)

const clientFields = {
  keyHash,
  accounts: z
    .array(z.string({ error: accountNamesRemedy }), { error: accountNamesRemedy })
    .refine((names) => names.length === 1 || !names.includes('*'), { error: accountNamesRemedy }),
  scopes: z
    .array(
      z.string({ error: scopeRemedy }).refine((value): value is Scope => isScope(value), { error: scopeRemedy }),
      { error: scopeRemedy },
    )
    .min(1, { error: scopeRemedy }),
}

const redisUrlRemedy =
  'set redis://host:6379, redis+sentinel://a:26379,b:26379/mymaster or redis+cluster://a:6379,b:6379 (rediss for TLS)'

const sessionKeyRemedy =
  'set 64 random hex digits, as `openssl rand -hex 32` gives, or a list of such, newest first (in the environment with commas)'

/** An environment variable is one text, whatever it holds. */
function inCommas(value: unknown): unknown {
  return typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value
}

const sections = {
  server: section({
    port,
    host: text(/^[A-Za-z0-9.:_%-]{1,255}$/, 'set an IP address or a host name to listen on, such as :: or 127.0.0.1'),
    trustProxy: trueOrFalse(),
    workers,
  }),
  redis: section({
    url: z
      .string({ error: redisUrlRemedy })
      .refine((value) => value === '' || readRedisUrl(value) !== undefined, { error: redisUrlRemedy }),
    prefix: text(/^[^\s{}\p{Cc}]{1,64}$/u, 'set 1 to 64 characters without spaces, { and }, such as wechat-hub:'),
    password: text(/^.{1,512}$/s, 'set the password of Redis').optional(),
    sentinelPassword: text(/^.{1,512}$/s, 'set the password of the sentinels').optional(),
  }),
  wechat: section({
    apiDomain,
    timeout: wholeNumber(100, 30_000, ' of milliseconds'),
    expiryMargin: wholeNumber(0, 300, ' of seconds'),
    refreshAhead: wholeNumber(0, 299, ' of seconds'),
  }),
  log: section({ level: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']) }),
  limits: section({
    clientPerMinute: perMinute,
    refusedPerMinute: perMinute,
    pagesPerMinute: perMinute,
    loginsPerMinute: perMinute,
  }),
  sessions: section({
    ttl: wholeNumber(60, 2_592_000, ' of seconds'),
    maxLife: wholeNumber(60, 31_536_000, ' of seconds'),
    grace: wholeNumber(0, 3600, ' of seconds'),
    userDataMaxAge: wholeNumber(0, 31_536_000, ' of seconds'),
    key: z.preprocess(inCommas, listOf(text(/^[0-9A-Fa-f]{64}$/, sessionKeyRemedy), sessionKeyRemedy)).optional(),
  }),
  sandbox: section({ port }),
}

const hubKeyRemedy = 'set a key of 20 to 256 visible ASCII characters without spaces'

const settings = {
  ...sections,
  dataDir: text(/^[^\p{Cc}]{1,1024}$/u, 'set the path of a folder'),
  accounts: z.record(z.string(), account, { error: 'set a JSON object: name of the account -> its settings' }),
  clients: z.record(z.string(), section(clientFields), {
    error: 'set a JSON object: name of the client -> its settings',
  }),
  key: text(/^[\x21-\x7e]{20,256}$/, hubKeyRemedy).optional(),
}

export const configSchema = section(settings)

/** The settings that the object at this path may have: for "did you mean". */
export function knownSettings(path: readonly PropertyKey[]): readonly string[] {
  const [first, , third] = path
  if (first === undefined) return Object.keys(settings)
  if (first === 'accounts') return third === 'routes' ? knownRouteSettings(path.slice(3)) : Object.keys(accountFields)
  if (first === 'clients') return Object.keys(clientFields)
  return Object.entries(sections).flatMap(([name, { shape }]) => (name === first ? Object.keys(shape) : []))
}
