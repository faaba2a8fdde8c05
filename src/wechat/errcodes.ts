/**
 * Whether a retry can help:
 * - `transient`: yes, soon; - `quota`: yes, when the quota allows again; - `permanent`: no, an operator must act first;
 * - `token`: yes, with another access_token; - `request`: no, this call is wrong and others are not.
 */
export type Kind = 'transient' | 'quota' | 'permanent' | 'token' | 'request'

export interface ErrcodeEntry {
  readonly kind: Kind
  readonly meaning: string
  /** What a person can do about it. */
  readonly remedy?: string
}

/** Where the console keeps these; until 2026 it was mp.weixin.qq.com, 设置与开发 > 基本配置. */
const secretPage = '微信开发者平台 (developers.weixin.qq.com/platform), 基础信息 > 开发密钥'
const confirm =
  'The administrator of the account must confirm the request that WeChat sent to their phone; the call then works.'

/** The errcodes that steer a hub (PROTOCOL section 10). Others are passed on as WeChat gave them. */
export const errcodes: Readonly<Record<number, ErrcodeEntry>> = {
  [-1]: { kind: 'transient', meaning: 'WeChat is busy' },
  40001: { kind: 'token', meaning: 'the access_token is not the latest one, or the AppSecret is wrong' },
  40002: { kind: 'permanent', meaning: 'wrong grant_type' },
  40003: { kind: 'request', meaning: 'wrong openid' },
  40013: {
    kind: 'permanent',
    meaning: 'WeChat does not know this appID',
    remedy: `Compare the appID with the one on ${secretPage}.`,
  },
  40014: { kind: 'token', meaning: 'the access_token is invalid' },
  40029: { kind: 'request', meaning: 'the code is invalid' },
  40066: { kind: 'request', meaning: 'WeChat has no such path' },
  40125: {
    kind: 'permanent',
    meaning: 'the AppSecret is wrong',
    remedy: `Reset or copy the AppSecret on ${secretPage}; a reset ends the old one at once.`,
  },
  40163: { kind: 'request', meaning: 'the code has been used' },
  40164: {
    kind: 'permanent',
    meaning: "this server's address is not on the account's IP whitelist",
    remedy: `Add the address to the IP whitelist (IP白名单) on ${secretPage}.`,
  },
  40226: { kind: 'request', meaning: 'WeChat blocks this user as risky' },
  40243: {
    kind: 'permanent',
    meaning: 'the AppSecret is frozen',
    remedy: `Unfreeze the AppSecret on ${secretPage}.`,
  },
  41001: { kind: 'request', meaning: 'the access_token is missing' },
  41002: { kind: 'permanent', meaning: 'the appid is missing' },
  41004: { kind: 'permanent', meaning: 'the secret is missing' },
  41008: { kind: 'request', meaning: 'the code is missing' },
  42001: { kind: 'token', meaning: 'the access_token has expired' },
  43002: { kind: 'permanent', meaning: 'this call must be a POST' },
  44002: { kind: 'request', meaning: 'the body is empty' },
  45009: {
    kind: 'quota',
    meaning: "the day's quota of this call is used up",
    remedy: 'It is given anew at midnight in Beijing (UTC+8); clear_quota gives it back at once, ten times a month.',
  },
  45011: { kind: 'quota', meaning: 'too many calls in this minute' },
  45015: { kind: 'request', meaning: 'the user has not written within the last 48 hours' },
  45047: { kind: 'request', meaning: 'too many customer-service messages to this user; they must write first' },
  47001: { kind: 'request', meaning: 'the body is not valid JSON or XML' },
  48001: {
    kind: 'request',
    meaning: 'this account may not use this call',
    remedy: 'The console lists the calls that the account may use under 接口权限; many need a verified account (认证).',
  },
  48004: { kind: 'permanent', meaning: 'WeChat has banned this call for the account' },
  50002: { kind: 'permanent', meaning: 'the account is limited' },
  50004: { kind: 'permanent', meaning: 'the account may not fetch tokens' },
  50007: { kind: 'permanent', meaning: 'the account is frozen' },
  61024: { kind: 'permanent', meaning: 'this account must fetch its token through its third-party platform' },
  89501: { kind: 'permanent', meaning: 'this address waits for confirmation', remedy: confirm },
  89502: { kind: 'permanent', meaning: 'this address waits for confirmation', remedy: confirm },
  89503: { kind: 'permanent', meaning: 'this address waits for confirmation', remedy: confirm },
  89504: { kind: 'permanent', meaning: 'this address waits for confirmation', remedy: confirm },
  89505: { kind: 'permanent', meaning: 'this address waits for confirmation', remedy: confirm },
  89506: { kind: 'permanent', meaning: 'the administrator refused this address: it is blocked for 24 hours' },
  89507: { kind: 'permanent', meaning: 'the administrator refused this address: it is blocked for an hour' },
}
