import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { type Clock, systemClock } from './clock.js'
import { watchDeparture } from './departure.js'
import { ErrcodeError, UpstreamError, WechatError } from './errors.js'
import { type Called, type Issued, issuedAt } from './issued.js'
import { Secrets } from './secrets.js'

/** One call of WeChat's API. */
export interface ApiCall {
  /** Default: GET, or POST when there is a body. */
  readonly method?: 'GET' | 'POST'
  readonly query?: Readonly<Record<string, string | number | undefined>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is. `json` and `body` exclude each other. */
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** In ms, for the whole call. Default: the API's `timeout`. */
  readonly timeout?: number
}

/** A call that another process may be free to make after a while. */
export interface FencedCall extends ApiCall {
  /** In place of `timeout`. */
  readonly deadline?: Deadline
}

/** For a call that must not reach WeChat late, though this process may stand still at any instant. */
export interface Deadline {
  /** What is left, in ms. What it throws calls the call off. */
  left(): number
  /** Called right before the request leaves. What it throws calls it off. */
  leaving(): void
  /** Called when the request has left. */
  departed(): void
}

/** An answer of WeChat's API: the fields of its JSON object. */
export type Answer = Readonly<Record<string, unknown>>

/** What the caller learns of a finished call; for metrics. `path` has no query. */
export interface ApiObservation {
  readonly path: string
  readonly outcome: 'ok' | WechatError['code']
  readonly errcode: number
  readonly ms: number
}

interface Response {
  readonly status: number
  readonly date: string | undefined
  readonly called: Called
  readonly body: string
}

export interface ApiOptions {
  /** The origin with a slash at its end. Default `https://api.weixin.qq.com/`. */
  readonly apiDomain?: string
  /** In ms, for a whole call. Default 5000. */
  readonly timeout?: number
  readonly clock?: Clock
  /** What must not appear in an error's text. */
  readonly secrets?: Secrets
  readonly observe?: (observation: ApiObservation) => void
}

/** WeChat's JSON answers are small; whoever sends more is not WeChat. */
const longestAnswer = 1024 * 1024

/** Loaded with the first call: a hub that nobody has asked for a token starts sooner and needs 14 MB less without it. */
const loadGot = () => import('got')

/** These say that nothing was sent: WeChat can't have counted the call. */
const undelivered = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'])

/**
 * Calls WeChat's API. The only file that imports got, and the end of its errors: they hold the URL, and WeChat's URLs
 * hold secrets.
 */
export class Api {
  readonly #origin: string
  readonly #timeout: number
  readonly #clock: Clock
  readonly #secrets: Secrets
  readonly #observe: (observation: ApiObservation) => void
  readonly #agent = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) }

  constructor(options: ApiOptions = {}) {
    this.#origin = new URL(options.apiDomain ?? 'https://api.weixin.qq.com/').origin
    this.#timeout = options.timeout ?? 5000
    this.#clock = options.clock ?? systemClock
    this.#secrets = options.secrets ?? new Secrets()
    this.#observe = options.observe ?? (() => undefined)
  }

  /**
   * The answer's JSON object.
   *
   * @throws {ErrcodeError} when WeChat answers with an errcode other than 0.
   * @throws {UpstreamError} when WeChat can't be reached, takes too long, or answers something else than a JSON object.
   */
  async call(path: string, call: FencedCall = {}): Promise<Answer> {
    return (await this.dated(path, call)).answer
  }

  /** As `call`, and when WeChat made what it answered, if it tells the time. */
  async dated(path: string, call: FencedCall = {}): Promise<{ answer: Answer; issued: Issued | undefined }> {
    // Before the call begins: what is called off here was none.
    const timeout = call.deadline?.left() ?? call.timeout ?? this.#timeout
    const started = this.#clock.monotonic()
    const finished = (outcome: ApiObservation['outcome'], errcode: number) =>
      this.#observe({ path: withoutQuery(path), outcome, errcode, ms: this.#clock.monotonic() - started })
    try {
      const response = await this.#send(path, { ...call, timeout })
      const answer = this.#read(response)
      finished('ok', 0)
      return { answer, issued: issuedAt(response.date, response.called) }
    } catch (error) {
      const { RequestError } = await loadGot()
      const failure = error instanceof RequestError ? unreachable(error.code) : error
      if (failure instanceof WechatError) finished(failure.code, failure.errcode)
      throw failure
    }
  }

  /** Ends idle connections. */
  close(): void {
    this.#agent.http.destroy()
    this.#agent.https.destroy()
  }

  async #send(path: string, call: FencedCall & { readonly timeout: number }): Promise<Response> {
    const { json, body, headers, timeout, deadline } = call
    const { got } = await loadGot()
    const began = this.#clock.now()
    const started = this.#clock.monotonic()
    const request = got(this.#url(path, call.query), {
      method: call.method ?? (json === undefined && body === undefined ? 'GET' : 'POST'),
      ...(json === undefined ? {} : { json }),
      ...(body === undefined ? {} : { body }),
      ...(headers === undefined ? {} : { headers }),
      agent: this.#agent,
      timeout: { request: timeout },
      retry: { limit: 0 },
      // A redirect would carry the secret to wherever it points.
      followRedirect: false,
      throwHttpErrors: false,
    })
    let cancelled: unknown
    const cancel = (reason: unknown) => {
      cancelled = reason
      request.cancel()
    }
    request.on('downloadProgress', ({ transferred }) => {
      if (transferred > longestAnswer) cancel(garbage(`more than ${longestAnswer} bytes`))
    })
    if (deadline !== undefined) request.on('request', (outgoing) => watchDeparture(outgoing, deadline, cancel))
    try {
      const { statusCode, headers: given, body: text } = await request
      const called = { began, ended: this.#clock.now(), elapsed: this.#clock.monotonic() - started }
      return { status: statusCode, date: given.date, called, body: text }
    } catch (error) {
      throw cancelled ?? error
    }
  }

  #url(path: string, query: ApiCall['query'] = {}): URL {
    const url = new URL(path, this.#origin)
    if (!path.startsWith('/') || url.origin !== this.#origin) {
      throw new TypeError('"path" must be a path of WeChat\'s API, such as /cgi-bin/user/info')
    }
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    return url
  }

  #read({ status, body }: Response): Answer {
    if (status !== 200) throw garbage(`HTTP status ${status}`)
    const answer = parseObject(body)
    if (answer === undefined) throw garbage('something that is not a JSON object')
    const { errcode, errmsg } = answer
    if (errcode === undefined || errcode === 0) return answer
    if (typeof errcode !== 'number') throw garbage('an errcode that is not a number')
    throw new ErrcodeError(errcode, this.#plainText(errmsg))
  }

  /** WeChat's own words, made safe for a log: no secret, no control characters, at most 300 characters. */
  #plainText(errmsg: unknown): string {
    const text = typeof errmsg === 'string' ? errmsg : ''
    return this.#secrets
      .redact(text)
      .replaceAll(/\p{Cc}+/gu, ' ')
      .slice(0, 300)
  }
}

/** The path alone: what follows it may hold secrets. */
export function withoutQuery(path: string): string {
  return path.split(/[?#]/, 1)[0] ?? ''
}

function unreachable(code: string): UpstreamError {
  if (code === 'ETIMEDOUT') {
    return new UpstreamError('UPSTREAM_TIMEOUT', 'WeChat did not answer in time', { delivered: true })
  }
  return new UpstreamError('UPSTREAM_UNREACHABLE', `WeChat could not be reached (${code})`, {
    delivered: !undelivered.has(code),
    hint: 'Check that this server can open connections to the API host: name service, firewall, proxy.',
  })
}

function garbage(what: string): UpstreamError {
  return new UpstreamError('UPSTREAM_GARBAGE', `WeChat answered ${what}`, {
    delivered: true,
    hint: 'If this stays, something between this server and WeChat answers in its place: a proxy, a captive portal.',
  })
}

function parseObject(text: string): Answer | undefined {
  // WeChat sends control characters in nicknames as they are, which JSON forbids; the white space among them is no loss.
  const value = parseJson(text) ?? parseJson(text.replaceAll(/\p{Cc}/gu, ' '))
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
