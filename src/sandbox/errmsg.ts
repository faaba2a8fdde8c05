import { randomBytes } from 'node:crypto'

/** WeChat's words for the errcodes that the sandbox gives. Match on the number: the words change. */
const errmsgs = {
  [-1]: 'system error',
  40001: 'invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken',
  40002: 'invalid grant_type',
  40003: 'invalid openid',
  40004: 'invalid media type',
  40006: 'invalid media size',
  40007: 'invalid media_id',
  40008: 'invalid message type',
  40013: 'invalid appid',
  40029: 'invalid code',
  40066: 'invalid url',
  40097: 'invalid args',
  40125: 'invalid appsecret',
  40163: 'code been used',
  40164: 'invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist',
  41001: 'access_token missing',
  41002: 'appid missing',
  41004: 'appsecret missing',
  41005: 'media data missing',
  41008: 'missing code',
  42001: 'access_token expired',
  43001: 'require GET method',
  43002: 'require POST method',
  44002: 'empty post data',
  45009: 'reach max api daily quota limit',
  45011: 'api minute-quota reach limit, must slower, retry next minute',
  47001: 'data format error',
  48006: 'forbid to clear quota because of reaching the limit',
  87008: 'invalid sig_method',
  87009: 'invalid signature',
} as const

export type Errcode = keyof typeof errmsgs

/** A call ends with this errcode: HTTP 200 and `{errcode, errmsg}`. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly errcode: Errcode

  constructor(errcode: Errcode) {
    super(errmsgs[errcode])
    this.errcode = errcode
  }
}

export interface ErrorBody {
  errcode: number
  errmsg: string
}

/** The body of an error; the errmsg ends with a rid, as the real one does. Default `errmsg`: WeChat's words. */
export function errorBody(errcode: number, errmsg = wordsFor(errcode)): ErrorBody {
  return { errcode, errmsg: `${errmsg} rid: ${rid()}` }
}

function wordsFor(errcode: number): string {
  return new Map(Object.entries(errmsgs)).get(String(errcode)) ?? 'unknown error'
}

/** The number by which WeChat finds a request again: its second, and two random parts. */
function rid(): string {
  const second = Math.floor(Date.now() / 1000).toString(16)
  return [second, randomBytes(4).toString('hex'), randomBytes(4).toString('hex')].join('-')
}
