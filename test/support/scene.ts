import { Sandbox } from '../../src/sandbox/sandbox.js'
import type { CredentialEvent } from '../../src/wechat/credential-event.js'
import type { WechatOptions } from '../../src/wechat/options.js'
import { Wechat } from '../../src/wechat/wechat.js'
import { MovableClock, turn } from './movable-clock.js'

const identity = { appID: 'wx0123456789abcdef', appSecret: '0123456789abcdef0123456789abcdef' }

/** The account that the scene's platform knows. */
export const account = { ...identity, token: 'testtoken' }

/** A promise of the program, seen on the scene's clock. */
export interface Asked<T> {
  /** In ms: how long it took; nothing while it is not over. */
  took: number | undefined
  value: T | undefined
  error: unknown
}

/** A WeChat platform and the programs that use it, on one clock that the test moves. Real HTTP between them. */
export class Scene {
  readonly clock = new MovableClock()
  readonly sandbox: Sandbox
  readonly events: CredentialEvent[] = []
  readonly #wechats: Wechat[] = []
  #apiDomain = ''

  /** `platformTime` gives the platform's time, in ms since the epoch. Default: the programs' wall clock. */
  constructor(platformTime: (clock: MovableClock) => number = (clock) => clock.now()) {
    this.sandbox = new Sandbox({ accounts: [identity], now: () => platformTime(this.clock) })
    // Koa would print it when a program cuts an answer off, as it should with a huge one.
    this.sandbox.app.silent = true
  }

  static async start(platformTime?: (clock: MovableClock) => number): Promise<Scene> {
    const scene = new Scene(platformTime)
    scene.#apiDomain = await scene.sandbox.listen()
    return scene
  }

  get apiDomain(): string {
    return this.#apiDomain
  }

  /** A program's Wechat: as the hub sets it up, on this scene's clock. */
  wechat(options: Partial<WechatOptions> = {}): Wechat {
    const wechat = new Wechat({
      ...account,
      apiDomain: this.#apiDomain,
      // Of real time: only a hanging answer may meet it, however busy the machine is.
      timeout: 5000,
      refreshAhead: 290,
      clock: this.clock,
      random: () => 0.5,
      onEvent: (event) => this.events.push(event),
      ...options,
    })
    this.#wechats.push(wechat)
    return wechat
  }

  /** How many tokens WeChat was asked for. */
  get fetches(): number {
    return this.sandbox.requests.count('/cgi-bin/token') + this.sandbox.requests.count('/cgi-bin/stable_token')
  }

  /** How many tickets WeChat was asked for. */
  get ticketFetches(): number {
    return this.sandbox.requests.count('/cgi-bin/ticket/getticket')
  }

  get probes(): number {
    return this.sandbox.requests.count('/cgi-bin/getcallbackip')
  }

  /** When WeChat was asked for tokens, in ms since the epoch by its own clock. */
  get fetchTimes(): number[] {
    const requests = ['/cgi-bin/token', '/cgi-bin/stable_token'].flatMap(
      (path) => this.sandbox.requests.list(path).requests,
    )
    return requests.map((request) => request.at)
  }

  /** The most token requests that WeChat saw under way at one time. */
  get mostInFlight(): number {
    return this.sandbox.requests.inFlight.most(identity.appID)
  }

  /** The events of one type, oldest first. */
  happened<T extends CredentialEvent['type']>(type: T): Extract<CredentialEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<CredentialEvent, { type: T }> => event.type === type)
  }

  /** Somebody else with the secret refreshes: the present token dies, 300 s later or at once. */
  steal({ atOnce = true, endpoint = 'token' }: { atOnce?: boolean; endpoint?: 'token' | 'stable_token' } = {}): void {
    this.sandbox.tokens.issue(identity.appID, endpoint, { atOnce })
  }

  /** Looks on at a promise: how it ends, and how long that takes on the scene's clock. */
  watch<T>(promise: Promise<T>): Asked<T> {
    const started = this.clock.monotonic()
    const asked: Asked<T> = { took: undefined, value: undefined, error: undefined }
    promise
      .then(
        (value) => {
          asked.value = value
        },
        (error: unknown) => {
          asked.error = error
        },
      )
      .finally(() => {
        asked.took = this.clock.monotonic() - started
      })
      .catch(() => undefined)
    return asked
  }

  /** What a promise ends with, moving time by whole seconds for as long as it needs, 60 s at most. */
  async ended<T>(promise: Promise<T>): Promise<Asked<T>> {
    const asked = this.watch(promise)
    await this.settled()
    for (let second = 0; second < 60 && asked.took === undefined; second += 1) await this.pass(1)
    return asked
  }

  /** Whether WeChat would take this token now. */
  accepts(token: string): boolean {
    return this.sandbox.tokens.judge(this.sandbox.tokens.find(token)) === 'live'
  }

  /** Moves time by so many seconds; real I/O ends before time goes on. */
  async pass(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1000, () => this.settled())
  }

  /** Resolves when no program of the scene is asking WeChat. */
  async settled(): Promise<void> {
    do await turn()
    while (this.#wechats.some(({ credentials }) => credentials.some(({ state }) => state.refreshing)))
    await turn()
  }

  async close(): Promise<void> {
    await Promise.all(this.#wechats.map((wechat) => wechat.close()))
    await this.sandbox.close()
  }
}
