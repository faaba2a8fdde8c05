import type { RequestListener } from 'node:http'
import type { Hub, HubOptions } from '../../src/clients/miniprogram/wechat-hub.js'
import { type Listening, listen } from '../../src/http/server.js'
import type { Session } from '../../src/sandbox/codes.js'
import { MovableClock } from '../support/movable-clock.js'
import { hubKey, RunningHub, readJson, shop } from '../support/running-hub.js'
import { Wx } from '../support/wx.js'

/** What the developer's own back end answers. */
export interface BackEndAnswer {
  readonly status: number
  readonly body: unknown
}

/** A hub, a mini program, and a back end of its developer's, on one clock. Real HTTP between them. */
export class MiniProgramScene {
  readonly clock: MovableClock
  readonly running: RunningHub
  readonly wx: Wx
  readonly hub: Hub
  /** What failed in the background. */
  readonly errors: unknown[] = []
  /** The login codes that WeChat gave, with what they are worth. */
  readonly codes: { code: string; session: Session }[] = []
  /** Where the back end is reached. Until told otherwise it asks the hub whose session it got. */
  readonly backEnd: string
  backEndAnswer: BackEndAnswer | undefined
  readonly #server: Listening

  private constructor(clock: MovableClock, running: RunningHub, server: Listening) {
    this.clock = clock
    this.running = running
    this.#server = server
    this.backEnd = `http://127.0.0.1:${server.port}`
    this.wx = this.launched()
    this.hub = this.client(this.wx)
  }

  static async start(): Promise<MiniProgramScene> {
    const clock = new MovableClock()
    const running = await RunningHub.start({ clock, shop: { type: 'miniprogram' } })
    const backEnd: RequestListener = (request, response) => {
      scene.#answerOf(String(request.headers['x-session'])).then(
        ({ status, body }) => response.writeHead(status).end(JSON.stringify(body)),
        () => response.destroy(),
      )
    }
    const scene = new MiniProgramScene(clock, running, await listen(backEnd, { port: 0, host: '127.0.0.1' }))
    return scene
  }

  /** The mini program launched once more, with the storage of the first. */
  launched(storage: Map<string, unknown> = new Map()): Wx {
    const loginCode = () => {
      const made = this.running.sandbox.codes.create(shop.appID, { openid: 'oMini' })
      this.codes.push(made)
      return made.code
    }
    return new Wx({ clock: this.clock, loginCode, storage })
  }

  client(wx: Wx, options: Partial<HubOptions> = {}): Hub {
    const onError = (error: unknown) => this.errors.push(error)
    return wx.createHub({ hub: this.running.url, account: 'shop', backEnds: [this.backEnd], onError, ...options })
  }

  /** How many codes the hub has exchanged. */
  get exchanges(): number {
    return this.running.sandbox.requests.count('/sns/jscode2session')
  }

  /** Whether the session is in force at the hub. */
  async isLiving(session: string): Promise<boolean> {
    const { status } = await this.running.request('/v1/shop/sessions/current', { key: session })
    return status === 200
  }

  /** Ends a session at the hub, unknown to the mini program. */
  async end(session: string): Promise<void> {
    await this.running.request('/v1/shop/sessions/current', { method: 'DELETE', key: session })
  }

  /** Moves time by so many minutes; what falls due in them is done. */
  async pass(minutes: number): Promise<void> {
    await this.clock.advance(minutes * 60_000, () => this.wx.settled())
  }

  async close(): Promise<void> {
    this.hub.stop()
    await this.wx.settled()
    await this.#server.drain()
    await this.running.close()
  }

  async #answerOf(session: string): Promise<BackEndAnswer> {
    if (this.backEndAnswer !== undefined) return this.backEndAnswer
    const headers = { authorization: `Bearer ${hubKey}`, 'x-session': session }
    const answer = await this.running.request('/v1/shop/sessions/current', { headers })
    return { status: answer.status, body: await readJson(answer) }
  }
}
