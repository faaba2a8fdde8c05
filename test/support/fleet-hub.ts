import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { AppProcess } from './app-process.js'

/** Below the ports that systems give to whom asks for any, and apart from those of the Redis servers. */
const ports = { from: 20_000, to: 30_000 }
/** How often it is looked whether a hub serves by now, in ms. */
const lookGap = 20

/** A hub of a fleet: a process that can end, freeze and come again, always at the same URL. */
export class FleetHub {
  readonly name: string
  /** Whether it runs; from before it is told to end until it serves again it does not. */
  alive = false
  frozen = false
  /** How often it was started. */
  starts = 0
  readonly #app: AppProcess
  readonly #env: NodeJS.ProcessEnv
  #port = randomInt(ports.from, ports.to)

  private constructor(name: string, app: AppProcess, env: NodeJS.ProcessEnv) {
    this.name = name
    this.#app = app
    this.#env = env
  }

  /** A hub that has not been started yet, in a folder of its own. */
  static async create(name: string, env: NodeJS.ProcessEnv): Promise<FleetHub> {
    return new FleetHub(name, await AppProcess.inEmptyFolder(), env)
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** What it has logged since its last start: warnings and worse. */
  get log(): Record<string, unknown>[] {
    return this.#app.log
  }

  /** Resolves when it serves. @throws {Error} with its words when it ends instead. */
  async start(): Promise<void> {
    this.starts += 1
    this.#app.start({ LOG_LEVEL: 'warn', ...this.#env, PORT: String(this.#port), HOST: '127.0.0.1' })
    let ended = false
    void this.#app.ended().then(() => {
      ended = true
    })
    while (!ended && !(await this.#serves())) await delay(lookGap)
    if (ended && this.#app.stderr.includes('is in use') && this.starts === 1) {
      this.starts = 0
      this.#port = randomInt(ports.from, ports.to)
      return this.start()
    }
    if (ended) throw new Error(`${this.name} has ended: ${this.#app.stderr}`)
    this.alive = true
  }

  /** Ends it between two of its instructions, frozen or not. */
  async kill(): Promise<void> {
    this.alive = false
    this.frozen = false
    this.#app.signal('SIGKILL')
    await this.#app.ended()
  }

  freeze(): void {
    this.frozen = true
    this.#app.signal('SIGSTOP')
  }

  thaw(): void {
    this.#app.signal('SIGCONT')
    this.frozen = false
  }

  /** What `/readyz` says to anyone. */
  async readiness(): Promise<{ status: number; ready: boolean; degraded?: boolean }> {
    const response = await fetch(`${this.url}/readyz`)
    return { ...Object(await response.json()), status: response.status }
  }

  async remove(): Promise<void> {
    await this.kill()
    await this.#app.remove()
  }

  async #serves(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/healthz`)).ok
    } catch {
      return false
    }
  }
}
