import { createHmac, randomBytes } from 'node:crypto'
import { opaque, opaqueOpenid } from './opaque.js'

/** A login code lives five minutes [LOGIN]. In ms. */
const life = 300_000
/** That many codes are remembered, the latest. */
const kept = 10_000

/** Who logs in. */
export interface Visitor {
  /** Default: a new, random one. */
  openid?: string | undefined
  /** Default: none; the account is bound to no open-platform account. */
  unionid?: string | undefined
}

/** What a code is worth: the answer of `/sns/jscode2session`. */
export interface Session {
  openid: string
  session_key: string
  unionid?: string
}

interface Code {
  readonly appID: string
  readonly session: Session
  readonly issuedAt: number
  used: boolean
}

/** The login codes that `wx.login` would have given in a mini program. */
export class Codes {
  readonly #now: () => number
  readonly #codes = new Map<string, Code>()
  /** The present session_key of each user who has a code, by appID and openid. */
  readonly #keys = new Map<string, string>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** As if a visitor had called `wx.login`. The session is what the back end will get for the code. */
  create(appID: string, { openid = opaqueOpenid(), unionid }: Visitor = {}): { code: string; session: Session } {
    const session_key = randomBytes(16).toString('base64')
    const session = unionid === undefined ? { openid, session_key } : { openid, session_key, unionid }
    const code = opaque(24)
    this.#keys.set(`${appID} ${openid}`, session_key)
    this.#codes.set(code, { appID, session, issuedAt: this.#now(), used: false })
    for (const oldest of [...this.#codes.keys()].slice(0, -kept)) this.#codes.delete(oldest)
    for (const oldest of [...this.#keys.keys()].slice(0, -kept)) this.#keys.delete(oldest)
    return { code, session }
  }

  /** Whether the user's present session_key made this signature of an empty text [HMAC]. */
  isSigned(appID: string, openid: string, signature: string): boolean {
    const key = this.#keys.get(`${appID} ${openid}`)
    return key !== undefined && createHmac('sha256', key).update('').digest('hex') === signature
  }

  /** Uses the code up. A code of another account, or one older than 300 s, is invalid. */
  redeem(appID: string, text: string): Session | 'used' | 'invalid' {
    const code = this.#codes.get(text)
    if (code === undefined || code.appID !== appID) return 'invalid'
    if (code.used) return 'used'
    if (this.#now() - code.issuedAt > life) return 'invalid'
    code.used = true
    return code.session
  }
}
