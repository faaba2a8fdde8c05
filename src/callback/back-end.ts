import type { ReadMessage } from '../wechat/push.js'
import { BackEndFault } from './back-end-fault.js'
import type { BackEndAnswer, BackEndRequest, BackEnds } from './back-ends.js'
import { readJsonBackEnd, toJsonBackEnd } from './json-back-end.js'
import { compileMatch, type Match } from './match.js'
import { readXmlBackEnd, toXmlBackEnd } from './xml-back-end.js'

/** What happens to a reply that is not there within 4.1 s. */
export type Late = 'customer-service' | 'retry' | 'drop'

/** A connection for each: a back end that hangs must not take all that the process can have. */
const mostWaitedFor = 1_000

/** A route, as the configuration describes it. */
export type BackEndSettings = {
  readonly match: Match
  readonly to: string
  readonly observe: boolean
  readonly late: Late
  /** In seconds. */
  readonly timeout: number
} & ({ readonly format: 'xml'; readonly token: string } | { readonly format: 'json'; readonly secret: string })

/** A message on its way to a back end. */
export interface Forwarded extends ReadMessage {
  /** The same for each delivery of one message: a back end that has seen it knows that it did. */
  readonly id: string
}

export interface BackEndOptions {
  readonly settings: BackEndSettings
  /** The account's name in the configuration. */
  readonly account: string
  readonly backEnds: BackEnds
  readonly clock: { now(): number }
}

/** One back end of an account. */
export class BackEnd {
  readonly settings: BackEndSettings
  /** Its `to`. */
  readonly name: string
  readonly late: Late
  /** How long it may take, in ms. */
  readonly longest: number
  readonly matches: (message: ReadMessage['message']) => boolean
  readonly #account: string
  readonly #url: URL
  readonly #backEnds: BackEnds
  readonly #clock: { now(): number }
  /** How many of its answers are waited for. */
  #waitedFor = 0

  constructor({ settings, account, backEnds, clock }: BackEndOptions) {
    this.settings = settings
    this.name = settings.to
    this.late = settings.late
    this.longest = settings.timeout * 1000
    this.matches = compileMatch(settings.match)
    this.#account = account
    this.#url = new URL(settings.to)
    this.#backEnds = backEnds
    this.#clock = clock
  }

  /**
   * Its reply to a message, as the XML of a passive reply; empty for none.
   *
   * @throws {BackEndFault}
   */
  async ask(forwarded: Forwarded): Promise<string> {
    const answer = await this.#post(forwarded)
    if (this.settings.format === 'xml') return readXmlBackEnd(answer)
    return readJsonBackEnd(answer, forwarded.message, this.#clock.now())
  }

  /**
   * Gives it a copy of a message. What it answers does not matter, if only its status is 2xx.
   *
   * @throws {BackEndFault}
   */
  async tell(forwarded: Forwarded): Promise<void> {
    try {
      await this.#post(forwarded)
    } catch (error) {
      const only = error instanceof BackEndFault && (error.kind === 'too-long' || error.kind === 'rubbish')
      if (!only) throw error
    }
  }

  async #post(forwarded: Forwarded): Promise<BackEndAnswer> {
    if (this.#waitedFor >= mostWaitedFor) throw new BackEndFault('busy')
    this.#waitedFor += 1
    try {
      return await this.#backEnds.post(this.#requestFor(forwarded))
    } finally {
      this.#waitedFor -= 1
    }
  }

  #requestFor(forwarded: Forwarded): BackEndRequest {
    const { settings } = this
    const seconds = Math.floor(this.#clock.now() / 1000)
    const request =
      settings.format === 'xml'
        ? toXmlBackEnd(forwarded, { url: this.#url, token: settings.token, seconds })
        : toJsonBackEnd(forwarded, { url: this.#url, secret: settings.secret, seconds, account: this.#account })
    const headers = { 'user-agent': 'wechat-hub', 'x-hub-delivery': forwarded.id, ...request.headers }
    return { ...request, headers, timeout: this.longest }
  }
}

/** The fault that an error of asking a back end, or a handler, stands for. */
export function asFault(error: unknown): BackEndFault {
  return error instanceof BackEndFault ? error : new BackEndFault('failed', { cause: error })
}
