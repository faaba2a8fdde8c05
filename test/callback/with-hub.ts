import { test as base, expect } from 'vitest'
import type { RouteConfig } from '../../src/config/route-schema.js'
import type { PushOrder, PushReport } from '../../src/sandbox/sandbox.js'
import { reply } from '../../src/wechat/reply.js'
import { handshakeSignature } from '../../src/wechat/signature.js'
import { type Answering, BackEndServer } from '../support/back-end.js'
import { MovableClock, turn } from '../support/movable-clock.js'
import { aesKey, RunningHub, type RunningHubOptions, readJson, shop } from '../support/running-hub.js'
import { until } from '../support/until.js'

export const secret = 'the-secret-of-a-json-route'
export const token = 'tokenOfAnXmlRoute'

type CommonSettings = Pick<RouteConfig, 'match' | 'to' | 'observe' | 'late' | 'timeout'>

const usual = { match: {}, observe: false, late: 'customer-service', timeout: 60 } as const

export function jsonRoute(to: string, settings: Partial<CommonSettings> = {}): RouteConfig {
  return { ...usual, to, format: 'json', secret, ...settings }
}

export function xmlRoute(to: string, settings: Partial<CommonSettings> = {}): RouteConfig {
  return { ...usual, to, format: 'xml', token, ...settings }
}

export function observer(to: string, settings: Partial<CommonSettings> = {}): RouteConfig {
  return jsonRoute(to, { observe: true, timeout: 10, ...settings })
}

/** Whom the test itself tells something. */
const lastOne = 'oTheLastOne'

/** Whether nothing waits in the outbox. */
export function isEmpty(scene: Scene): () => Promise<boolean> {
  return async () => (await scene.metric('wechat_hub_outbox_depth{account="shop"}')) === 0
}

/** Many turns of the event loop: what was not done by then, although nothing holds it up, is not about to be done. */
export async function manyTurns(): Promise<void> {
  for (let turns = 0; turns < 200; turns += 1) await turn()
}

/** A hub, its WeChat and its back ends, on a clock that the test moves. */
export class Scene {
  readonly clock: MovableClock
  readonly #backEnds: BackEndServer[] = []
  #running: RunningHub | undefined

  constructor(clock = new MovableClock()) {
    this.clock = clock
  }

  get running(): RunningHub {
    if (this.#running === undefined) throw new Error('the hub has not been started')
    return this.#running
  }

  get sandbox(): RunningHub['sandbox'] {
    return this.running.sandbox
  }

  async backEnd(answer?: Answering): Promise<BackEndServer> {
    const backEnd = await BackEndServer.start(answer)
    this.#backEnds.push(backEnd)
    return backEnd
  }

  /** The URL of a back end that is down. */
  async down(): Promise<string> {
    const gone = await BackEndServer.start()
    const { url } = gone
    await gone.close()
    return url
  }

  /** Starts the hub with these routes of the account `shop`, which is in safe mode where the order says so. */
  async start(
    routes: readonly RouteConfig[],
    { shop = {}, ...options }: Omit<RunningHubOptions, 'clock'> = {},
  ): Promise<RunningHub> {
    const encodingAESKey = shop.mode === 'safe' || shop.mode === 'compatible' ? [aesKey] : []
    const settings = { mode: 'plain', encodingAESKey, ...shop, routes } as const
    this.#running = await RunningHub.start({ clock: this.clock, ...options, shop: settings })
    return this.#running
  }

  /** An answer that comes `ms` after the back end was asked. */
  slow(ms: number, answer: string | Answering): Answering {
    return async (asked, response) => {
      await new Promise<void>((resolve) => {
        this.clock.after(ms, resolve)
      })
      return typeof answer === 'string' ? answer : answer(asked, response)
    }
  }

  /** Sends a push, and looks on. */
  push(order: PushOrder = {}): Sent {
    return new Sent(this.sandbox.push(order))
  }

  /** What customer service has told users, oldest first. */
  get told(): readonly Readonly<Record<string, unknown>>[] {
    const messages = this.sandbox.messages.list().map(({ message }) => message)
    return messages.filter(({ touser }) => touser !== lastOne)
  }

  /** The same, when nothing is on its way any more: a message of the test's own, which takes the same way, has arrived. */
  async allTold(): Promise<Scene['told']> {
    await manyTurns()
    await this.running.hub.accounts.find('shop')?.wechat.sendMessage(lastOne, reply.text('the last one'))
    await manyTurns()
    return this.told
  }

  /** Resolves when customer service has told users so many things in all. */
  async toldTimes(times: number): Promise<void> {
    await until(() => this.told.length >= times)
  }

  /** The value of a metric, named with all its labels; 0 if there is none. */
  async metric(name: string): Promise<number> {
    const text = await (await this.running.request('/metrics')).text()
    const line = text.split('\n').find((each) => each.startsWith(`${name} `))
    return Number(line?.slice(name.length) ?? 0)
  }

  /** The lines of the hub's log about pushes: those of one event. */
  logged(event: string): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.running.logLines.map((line): Record<string, unknown> => JSON.parse(line))
    return lines.filter((line) => line['event'] === event)
  }

  /** What could not be sent, as an operator is shown it. */
  async deadLetters(query = '', account = 'shop'): Promise<{ dead_letters: DeadLetter[]; next?: string }> {
    return readJson(await this.running.request(`/v1/${account}/dead-letters${query}`))
  }

  /**
   * Ends the hub, so that it can be started again. `rest`, in ms: how far time moves before, since what still waits for its
   * time to be up would be waited for.
   */
  async stop(rest = 10_000): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.sandbox.pushes.close()
    await this.clock.advance(rest)
    await running?.close()
  }

  async close(): Promise<void> {
    await this.stop()
    await Promise.all(this.#backEnds.map((backEnd) => backEnd.close()))
  }
}

export interface DeadLetter {
  readonly id: string
  readonly kind: string
  readonly to: string
  readonly attempts: number
  readonly error: string
  readonly [more: string]: unknown
}

/** A push under way. */
export class Sent {
  readonly report: Promise<PushReport>
  #ended = false

  constructor(report: Promise<PushReport>) {
    this.report = report.finally(() => {
      this.#ended = true
    })
  }

  /** Whether WeChat has had its last word. */
  async ended(): Promise<boolean> {
    await manyTurns()
    return this.#ended
  }
}

export const test = base.extend<{ scene: Scene }>({
  scene: async ({ task: _task }, use) => {
    const scene = new Scene()
    await use(scene)
    await scene.close()
  },
})

/** A report of WeChat's that says: the user was shown nothing, and asked for no more. */
export const silent = expect.objectContaining({ result: 'silent' })

const nonce = '1514711492'

/** The query and the body of a text in plain mode, signed now. */
export function signedText(scene: Scene, { content = 'hi', id = '1' } = {}) {
  const timestamp = String(Math.floor(scene.clock.now() / 1000))
  const query = { signature: handshakeSignature(shop.token, timestamp, nonce), timestamp, nonce }
  const body =
    `<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[o1]]></FromUserName>` +
    `<CreateTime>${timestamp}</CreateTime><MsgType><![CDATA[text]]></MsgType>` +
    `<Content><![CDATA[${content}]]></Content><MsgId>${id}</MsgId></xml>`
  return { query: new URLSearchParams(query), body }
}
