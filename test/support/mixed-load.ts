import { setTimeout as delay } from 'node:timers/promises'
import { Agent } from 'undici'
import { opaqueOpenid } from '../../src/sandbox/opaque.js'
import type { PushReport } from '../../src/sandbox/sandbox.js'
import { type Fleet, type FleetAccount, mini, shop } from './fleet.js'
import type { FleetHub } from './fleet-hub.js'
import { hubKey } from './running-hub.js'

export type Work = 'tokens' | 'calls' | 'pushes' | 'logins'

/** How many a second. */
export type Rates = Readonly<Record<Work, number>>

/** What should not have been. */
export interface Failure {
  readonly work: Work
  readonly hub: string
  /** In ms since the epoch. */
  readonly at: number
  /** The status and the body, or the error. */
  readonly what: string
}

export interface MixedLoadOptions {
  readonly fleet: Fleet
  readonly rates: Rates
  readonly random: () => number
  /** Whether calls and logins may be refused, since the campaign has WeChat fail. Default false. */
  readonly upstreamFails?: boolean
}

interface Given {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

/** How often it is looked what is due, in ms. */
const tick = 10
/** What is more than so much behind, in ms, is left out: a machine that stalls gets no crowd afterwards. */
const longestDelay = 250
/** More are not under way at a time. */
const mostUnderWay = 2_000
/** In ms: no hub takes so long for anything, however busy the machine is. */
const patience = 30_000
const mostRetries = 3
/** WeChat's pause before it tries a push again that did not arrive, in ms. */
const pauseBeforeRetry = 1_000
/** Of failures so many are kept. */
const kept = 100

/** Works on a fleet at constant rates, goes on to other hubs when one ends, and knows what should not have been. */
export class MixedLoad {
  /** How often each work was done. */
  readonly done: Record<Work, number> = { tokens: 0, calls: 0, pushes: 0, logins: 0 }
  /** The first of them. */
  readonly failures: Failure[] = []
  failed = 0
  /** Work that was under way at a hub which ended, and was done at another one. */
  cut = 0
  /** Logins that were to be tried again later: 503 with Retry-After. */
  postponed = 0
  /** Pushes that a hub did not answer within WeChat's five seconds, and that WeChat then sent again. */
  late = 0
  /** Pushes that WeChat gave up, since each hub it tried ended meanwhile: no surviving hub was asked. */
  unanswered = 0
  /** Calls and logins that came to nothing because WeChat failed. */
  refused = 0
  /** What the machine was too slow to begin. */
  skipped = 0
  /** Tokens that were dead when they were asked for. */
  dead = 0
  /** The MsgIds of pushes that were answered. */
  readonly answered: string[] = []
  readonly #options: MixedLoadOptions
  readonly #agent = new Agent({ connections: 200, connectTimeout: patience })
  readonly #underWay = new Set<Promise<void>>()
  readonly #works: Readonly<Record<Work, () => Promise<void>>> = {
    tokens: () => this.#readToken(),
    calls: () => this.#call(),
    pushes: () => this.#push(),
    logins: () => this.#logIn(),
  }
  #running: Promise<void> | undefined
  #ended = false
  #nextId = BigInt(Date.now()) * 1_000_000n

  constructor(options: MixedLoadOptions) {
    this.#options = options
  }

  get rates(): Rates {
    return this.#options.rates
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Resolves when what was begun has ended. */
  async stop(): Promise<void> {
    this.#ended = true
    await this.#running
    await Promise.all(this.#underWay)
    await this.#agent.destroy()
  }

  /** Answered pushes whose message the back end has not done. */
  get lost(): string[] {
    const { done } = this.#options.fleet.backEnd
    return this.answered.filter((id) => !done.has(id))
  }

  /** Messages that the back end has done more than once. */
  get twice(): string[] {
    return [...this.#options.fleet.backEnd.done].flatMap(([id, times]) => (times > 1 ? [id] : []))
  }

  /** What was seen, for a report. */
  get figures(): Readonly<Record<string, number | string>> {
    const { fleet } = this.#options
    const { cut, late, unanswered, postponed, refused, skipped, failed, dead } = this
    const fetches = `${fleet.fetches('token')} and ${fleet.fetches('stable_token')}`
    return {
      ...this.done,
      ...{ cut, late, unanswered, postponed, refused, skipped, fetches, 'asked of the back end': fleet.backEnd.asked },
      ...{ failures: failed, lost: this.lost.length, twice: this.twice.length, dead },
    }
  }

  async #run(): Promise<void> {
    const works = Object.entries(this.#options.rates) as [Work, number][]
    const begun = new Map<Work, number>()
    const startedAt = performance.now()
    while (!this.#ended) {
      const seconds = (performance.now() - startedAt) / 1000
      for (const [work, rate] of works) {
        const due = Math.floor(seconds * rate)
        const late = due - (begun.get(work) ?? 0) - Math.ceil((longestDelay / 1000) * rate)
        if (late > 0) {
          this.skipped += late
          begun.set(work, (begun.get(work) ?? 0) + late)
        }
        for (let next = begun.get(work) ?? 0; next < due; next += 1) this.#begin(work)
        begun.set(work, due)
      }
      await delay(tick)
    }
  }

  #begin(work: Work): void {
    if (this.#underWay.size >= mostUnderWay) {
      this.skipped += 1
      return
    }
    const doing = this.#works[work]().finally(() => this.#underWay.delete(doing))
    this.#underWay.add(doing)
  }

  async #readToken(): Promise<void> {
    const account = this.#options.random() < 0.5 ? shop : mini
    const sentAt = Date.now()
    await this.#ask('tokens', `/v1/${account.name}/access-token`, {
      judge: ({ status, text }) => status === 200 && this.#isLive(JSON.parse(text).access_token, account, sentAt),
    })
  }

  #isLive(accessToken: string, account: FleetAccount, at: number): boolean {
    const lives = this.#options.fleet.wasLive(accessToken, at)
    const owner = this.#options.fleet.sandbox.tokens.find(accessToken)?.appid
    if (!lives) this.dead += 1
    return lives && owner === account.appID
  }

  async #call(): Promise<void> {
    await this.#ask('calls', `/cgi-bin/user/info?appid=${shop.appID}&openid=${opaqueOpenid()}`, {
      judge: ({ status, text }) => status === 200 && 'openid' in JSON.parse(text),
    })
  }

  async #logIn(): Promise<void> {
    await this.#ask('logins', `/v1/${mini.name}/sessions`, {
      // A login that was cut may have used its code up: the mini program asks for another one.
      body: () => ({ code: this.#options.fleet.sandbox.codes.create(mini.appID).code }),
      judge: ({ status, text }) => status === 200 && 'session' in JSON.parse(text),
    })
  }

  /** Asks one hub, and when that ends meanwhile another one, until there is an answer. */
  async #ask(
    work: Work,
    path: string,
    { body, judge }: { body?: () => object; judge: (given: Given) => boolean },
  ): Promise<void> {
    for (;;) {
      const hub = this.#anyHub()
      const { starts } = hub
      try {
        const given = await this.#send(hub, path, body?.())
        return this.#settle(work, hub, given, judge(given))
      } catch (error) {
        if (hub.alive && hub.starts === starts) return this.#fail(work, hub, String(error))
        this.cut += 1
      }
    }
  }

  #settle(work: Work, hub: FleetHub, { status, headers, text }: Given, isRight: boolean): void {
    if (isRight) this.done[work] += 1
    else if (work === 'logins' && status === 503 && headers['retry-after'] !== undefined) this.postponed += 1
    else if (this.#options.upstreamFails && work !== 'tokens') this.refused += 1
    else this.#fail(work, hub, `${status} ${text}`)
  }

  async #send({ url }: FleetHub, path: string, body: object | undefined): Promise<Given> {
    const isVisitor = body !== undefined
    const {
      statusCode,
      headers,
      body: answer,
    } = await this.#agent.request({
      ...{ origin: url, path, method: isVisitor ? 'POST' : 'GET', headersTimeout: patience, bodyTimeout: patience },
      headers: isVisitor ? { 'content-type': 'application/json' } : { authorization: `Bearer ${hubKey}` },
      ...(isVisitor ? { body: JSON.stringify(body) } : {}),
    })
    return { status: statusCode, headers, text: await answer.text() }
  }

  /** As WeChat does: up to three tries more, each at any hub, as behind a load balancer. */
  async #push(): Promise<void> {
    const { fleet } = this.#options
    this.#nextId += 1n
    const MsgId = String(this.#nextId)
    const CreateTime = Math.floor(Date.now() / 1000)
    const message = { MsgId, CreateTime, FromUserName: opaqueOpenid(), MsgType: 'text', Content: `message ${MsgId}` }
    let hub = this.#anyHub()
    let survivorWasAsked = false
    for (let tries = 0; tries <= mostRetries; tries += 1) {
      const { starts } = hub
      const push = fleet.sandbox.preparePush({ appid: shop.appID, url: `${hub.url}/wx/${shop.name}`, message })
      const report = await push.deliver()
      const outcome = report.deliveries.at(-1)?.outcome
      if (outcome === 'answered') return this.#pushAnswered(hub, MsgId, report)
      const isGone = !hub.alive || hub.starts !== starts
      if (!isGone && outcome !== 'cut') return this.#fail('pushes', hub, report.why ?? String(outcome))
      if (isGone) this.cut += 1
      else {
        this.late += 1
        survivorWasAsked = true
      }
      if (outcome === 'unreachable') await delay(pauseBeforeRetry)
      hub = this.#anyHub()
    }
    if (survivorWasAsked) this.#fail('pushes', hub, `message ${MsgId} was answered by no hub`)
    else this.unanswered += 1
  }

  #pushAnswered(hub: FleetHub, id: string, { result, why }: PushReport): void {
    if (result === 'unavailable') this.#fail('pushes', hub, why ?? result)
    else {
      this.answered.push(id)
      this.done.pushes += 1
    }
  }

  #anyHub(): FleetHub {
    const { fleet, random } = this.#options
    const hub = fleet.serving[Math.floor(random() * fleet.serving.length)]
    if (hub === undefined) throw new Error('no hub of the fleet serves')
    return hub
  }

  #fail(work: Work, { name }: FleetHub, what: string): void {
    this.failed += 1
    if (this.failures.length < kept) this.failures.push({ work, hub: name, at: Date.now(), what })
  }
}
