import { Sandbox } from '../../src/sandbox/sandbox.js'
import { AppProcess } from '../support/app-process.js'
import { RedisServer } from '../support/redis-server.js'
import { hubKey, shop } from '../support/running-hub.js'
import { until } from '../support/until.js'

/** A hub of several workers as a user runs it, with a Redis and a sandbox that it takes for WeChat. */
export class WithWorkers {
  readonly app: AppProcess
  readonly sandbox: Sandbox
  readonly #redis: RedisServer
  readonly #apiDomain: string
  #url = ''

  private constructor(parts: { app: AppProcess; sandbox: Sandbox; redis: RedisServer; apiDomain: string }) {
    this.app = parts.app
    this.sandbox = parts.sandbox
    this.#redis = parts.redis
    this.#apiDomain = parts.apiDomain
  }

  /** Nothing of the hub runs yet. */
  static async prepare(): Promise<WithWorkers> {
    const sandbox = new Sandbox({ accounts: [{ appID: shop.appID, appSecret: shop.appSecret }] })
    const apiDomain = await sandbox.listen()
    const [app, redis] = await Promise.all([AppProcess.inEmptyFolder(), RedisServer.start()])
    return new WithWorkers({ app, sandbox, redis, apiDomain })
  }

  /** The environment of a hub of so many workers. */
  environment(count: number): NodeJS.ProcessEnv {
    return {
      ...{ WECHAT_APPID: shop.appID, WECHAT_APPSECRET: shop.appSecret, WECHAT_TOKEN: shop.token },
      ...{ WECHAT_API_DOMAIN: this.#apiDomain, WECHAT_HUB_KEY: hubKey },
      // Requests for metrics have a line of the level debug.
      ...{ REDIS_URL: this.#redis.url, WECHAT_HUB_WORKERS: String(count), LOG_LEVEL: 'debug' },
    }
  }

  /** Resolves when all of them listen. */
  async start(count: number): Promise<void> {
    this.#url = await this.app.listening(this.environment(count))
    await until(() => this.lines({ msg: 'listening' }).length === count)
  }

  get url(): string {
    return this.#url
  }

  /** The lines of the log that have these fields. */
  lines(fields: Record<string, unknown>): Record<string, unknown>[] {
    return this.app.log.filter((line) => Object.entries(fields).every(([name, value]) => line[name] === value))
  }

  /** Resolves with the n-th such line, from 1 on. */
  async line(fields: Record<string, unknown>, n = 1): Promise<Record<string, unknown>> {
    await until(() => this.lines(fields).length >= n)
    return this.lines(fields)[n - 1] ?? {}
  }

  /** Kills the process that has this worker's place as the n-th, and answers what the log says of its death. */
  async kill(worker: number, n: number): Promise<Record<string, unknown>> {
    const { pid } = await this.line({ event: 'worker-started', worker }, n)
    process.kill(Number(pid), 'SIGKILL')
    return this.line({ event: 'worker-died', worker }, n)
  }

  /** The pids of all workers that were ever started. */
  get pids(): number[] {
    return this.lines({ event: 'worker-started' }).map(({ pid }) => Number(pid))
  }

  /** A request with a connection of its own: another worker's turn. */
  request(path: string): Promise<Response> {
    return fetch(`${this.#url}${path}`, { headers: { authorization: `Bearer ${hubKey}`, connection: 'close' } })
  }

  /** The figures of `/metrics` by name and labels, those with several labels summed up to their name. */
  async figures(): Promise<(name: string) => number> {
    const text = await (await this.request('/metrics')).text()
    const samples = [...text.matchAll(/^(\w+)(?:\{.*\})? (\S+)$/gm)]
    return (name) => samples.filter(([, each]) => each === name).reduce((sum, [, , value]) => sum + Number(value), 0)
  }

  async close(): Promise<void> {
    await this.app.remove()
    await Promise.all([this.#redis.stop(), this.sandbox.close()])
  }
}
