import { readFileSync } from 'node:fs'
import { createContext, runInContext } from 'node:vm'
import type { Hub, HubOptions } from '../../src/clients/miniprogram/wechat-hub.js'
import type { Clock } from '../../src/wechat/clock.js'
import { turn } from './movable-clock.js'

const file = new URL('../../src/clients/miniprogram/wechat-hub.js', import.meta.url)

interface Callbacks<T> {
  success?: (result: T) => void
  fail?: (error: { errMsg: string }) => void
}

interface RequestOptions extends Callbacks<{ statusCode: number; data: unknown; header: Record<string, string> }> {
  url: string
  method?: string
  data?: unknown
  header?: Record<string, string>
}

export interface SentRequest {
  readonly method: string
  readonly url: string
  readonly header: Readonly<Record<string, string>>
}

export interface WxOptions {
  readonly clock: Clock
  /** What WeChat gives a mini program that calls `wx.login`. */
  readonly loginCode: () => string
  /** Default: a new one. Another one's, for a mini program that is launched again. */
  readonly storage?: Map<string, unknown>
}

/** What a mini program has of WeChat: `wx`, over real HTTP, and timers of a clock that the test moves. Nothing of Node. */
export class Wx {
  readonly storage: Map<string, unknown>
  readonly sent: SentRequest[] = []
  readonly printed: unknown[][] = []
  logins = 0
  keyChecks = 0
  /** Whether WeChat still takes the session_key of the last login. */
  keyIsGood = true
  /** Why `wx.login` fails, if it does. */
  loginFault: string | undefined
  /** Why requests to URLs with this in them fail before they are sent. */
  requestFault: { readonly to: string; readonly errMsg: string } | undefined
  storageFails = false
  /** Whether answers are held back, as on a slow network. */
  slow = false
  readonly #options: WxOptions
  readonly #shown = new Set<() => void>()
  readonly #hidden = new Set<() => void>()
  readonly #withheld: (() => void)[] = []
  #underWay = 0
  #lost = false

  constructor(options: WxOptions) {
    this.#options = options
    this.storage = options.storage ?? new Map()
  }

  /** A client, of a copy of its file of its own. */
  createHub(options: HubOptions): Hub {
    const { clock } = this.#options
    const timers = new Map<number, () => void>()
    const exported: { exports: { createHub?: (options: HubOptions) => Hub } } = { exports: {} }
    const context = createContext({
      module: exported,
      wx: this.#api(),
      console: { log: (...values: unknown[]) => this.printed.push(values) },
      setTimeout: (work: () => void, ms: number) => {
        timers.set(timers.size + 1, clock.after(ms, work))
        return timers.size
      },
      clearTimeout: (id: number) => timers.get(id)?.(),
      Date: { now: () => clock.now() },
      // Of the test, so that it can tell errors by their class.
      ...{ Error, TypeError, Promise },
    })
    runInContext(readFileSync(file, 'utf8'), context, { filename: 'wechat-hub.js' })
    if (exported.exports.createHub === undefined) throw new Error('the client exports no createHub')
    return exported.exports.createHub(options)
  }

  /** The user turns to the mini program. */
  show(): void {
    for (const listener of this.#shown) listener()
  }

  /** The user turns away. */
  hide(): void {
    for (const listener of this.#hidden) listener()
  }

  get listeners(): number {
    return this.#shown.size + this.#hidden.size
  }

  /** The requests whose method and URL end so. */
  to(method: string, end: string): SentRequest[] {
    return this.sent.filter((request) => request.method === method && request.url.endsWith(end))
  }

  /** Lets go of the answers that were held back. */
  answer(): void {
    this.slow = false
    for (const go of this.#withheld.splice(0)) go()
  }

  /** The answers that were held back never come. */
  loseAnswers(): void {
    this.#lost = true
    this.answer()
  }

  get withheld(): number {
    return this.#withheld.length
  }

  /** Resolves when nothing is under way, and nothing follows from what was. */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < 5; quiet += 1) {
      await turn()
      if (this.#underWay > this.#withheld.length) quiet = 0
    }
  }

  #api() {
    return {
      login: (callbacks: Callbacks<{ code: string; errMsg: string }>) => {
        this.logins += 1
        if (this.loginFault !== undefined) return this.#later(callbacks.fail, { errMsg: this.loginFault })
        this.keyIsGood = true
        this.#later(callbacks.success, { code: this.#options.loginCode(), errMsg: 'login:ok' })
      },
      checkSession: ({ success, fail }: Callbacks<{ errMsg: string }>) => {
        this.keyChecks += 1
        if (this.keyIsGood) this.#later(success, { errMsg: 'checkSession:ok' })
        else this.#later(fail, { errMsg: 'checkSession:fail session time out, need relogin' })
      },
      request: (options: RequestOptions) => {
        this.#request(options).catch(() => undefined)
      },
      getStorageSync: (key: string) => {
        this.#mayFail()
        const found = this.storage.get(key)
        return found === undefined ? '' : structuredClone(found)
      },
      setStorageSync: (key: string, value: unknown) => {
        this.#mayFail()
        this.storage.set(key, structuredClone(value))
      },
      removeStorageSync: (key: string) => {
        this.#mayFail()
        this.storage.delete(key)
      },
      onAppShow: (listener: () => void) => this.#shown.add(listener),
      onAppHide: (listener: () => void) => this.#hidden.add(listener),
      offAppShow: (listener: () => void) => this.#shown.delete(listener),
      offAppHide: (listener: () => void) => this.#hidden.delete(listener),
    }
  }

  /** @throws when the answer is lost */
  async #heldBack(): Promise<void> {
    await new Promise<void>((resolve) => this.#withheld.push(resolve))
    if (this.#lost) throw new Error('lost')
  }

  #mayFail(): void {
    if (this.storageFails) throw new Error('setStorageSync:fail exceed storage max size')
  }

  #later<T>(callback: ((value: T) => void) | undefined, value: T): void {
    this.#underWay += 1
    setImmediate(() => {
      this.#underWay -= 1
      callback?.(value)
    })
  }

  async #request({ url, method = 'GET', data, header = {}, success, fail }: RequestOptions): Promise<void> {
    this.sent.push({ method, url, header: { ...header } })
    if (this.requestFault !== undefined && url.includes(this.requestFault.to)) {
      return this.#later(fail, { errMsg: this.requestFault.errMsg })
    }
    this.#underWay += 1
    try {
      const init = { method, headers: { 'content-type': 'application/json', ...header } }
      const body = data === undefined ? {} : { body: JSON.stringify(data) }
      const response = await fetch(url, { ...init, ...body })
      const text = await response.text()
      if (this.slow) await this.#heldBack()
      const headers = Object.fromEntries(response.headers)
      this.#later(success, { statusCode: response.status, data: parsed(text), header: headers })
    } catch {
      this.#later(fail, { errMsg: 'request:fail' })
    } finally {
      this.#underWay -= 1
    }
  }
}

/** As `wx.request` does with `dataType` left at `json`. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
