import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import type { Visitor } from '../../src/sandbox/codes.js'
import { MovableClock } from '../support/movable-clock.js'
import { RunningHub, type RunningHubOptions, readJson, shop } from '../support/running-hub.js'

export interface LoggedIn {
  readonly session: string
  readonly expires_in: number
  readonly new_user: boolean
}

export interface Refused {
  readonly errcode: number
  readonly errmsg: string
  readonly hint: string
}

const json = { 'content-type': 'application/json' }

/** A hub whose account `shop` is a mini program (`blog` is not one), WeChat, and the user's side of both. */
export class MiniProgramScene {
  readonly running: RunningHub
  readonly clock: MovableClock

  private constructor(running: RunningHub, clock: MovableClock) {
    this.running = running
    this.clock = clock
  }

  static async start(options: RunningHubOptions & { clock?: MovableClock } = {}): Promise<MiniProgramScene> {
    const { clock = new MovableClock() } = options
    const type = { type: 'miniprogram' } as const
    const running = await RunningHub.start({ ...options, clock, shop: { ...type, ...options.shop } })
    return new MiniProgramScene(running, clock)
  }

  /** As `wx.login` gives it, with what the back end must not pass on. */
  code(visitor: Visitor = {}): { code: string; openid: string; session_key: string } {
    const { code, session } = this.running.sandbox.codes.create(shop.appID, visitor)
    return { code, ...session }
  }

  sendCode(code: unknown, account = 'shop'): Promise<Response> {
    return this.running.request(`/v1/${account}/sessions`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ code }),
      key: undefined,
    })
  }

  async logIn(visitor: Visitor = {}): Promise<LoggedIn & { openid: string; session_key: string }> {
    const { code, ...known } = this.code(visitor)
    return { ...(await readJson<LoggedIn>(await this.sendCode(code))), ...known }
  }

  /** As the mini program. */
  asVisitor(session: string, method = 'GET', path = '', body?: unknown): Promise<Response> {
    const text = body === undefined ? {} : { headers: json, body: JSON.stringify(body) }
    return this.running.request(`/v1/shop/sessions/current${path}`, { method, key: session, ...text })
  }

  /** As a back end, with the key of the tests unless another one is given. */
  asBackEnd(
    session: string,
    { method = 'GET', path = '', body, key, account = 'shop' }: BackEndRequest = {},
  ): Promise<Response> {
    const headers = { 'x-session': session, ...(body === undefined ? {} : json) }
    const text = body === undefined ? {} : { body: JSON.stringify(body) }
    const url = `/v1/${account}/sessions/current${path}`
    return this.running.request(url, { method, headers, ...text, ...(key === undefined ? {} : { key }) })
  }

  async statusOf(session: string): Promise<number> {
    return (await this.asVisitor(session)).status
  }

  async renew(session: string): Promise<LoggedIn> {
    return readJson(await this.asVisitor(session, 'POST', '/renew'))
  }

  close(): Promise<void> {
    return this.running.close()
  }
}

interface BackEndRequest {
  readonly method?: string
  readonly path?: string
  readonly body?: unknown
  readonly key?: string
  readonly account?: string
}

/** User data as wx gives it: enciphered with the session_key, with a watermark. */
export function encrypted(
  session_key: string,
  data: Readonly<Record<string, unknown>>,
  watermark: Readonly<Record<string, unknown>>,
): { encryptedData: string; iv: string } {
  return encryptedText(session_key, JSON.stringify({ ...data, watermark }))
}

export function encryptedText(session_key: string, text: string): { encryptedData: string; iv: string } {
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-128-cbc', Buffer.from(session_key, 'base64'), iv)
  const encryptedData = Buffer.concat([cipher.update(text), cipher.final()]).toString('base64')
  return { encryptedData, iv: iv.toString('base64') }
}

export function signed(session_key: string, rawData: string): { rawData: string; signature: string } {
  return { rawData, signature: createHash('sha1').update(`${rawData}${session_key}`).digest('hex') }
}
