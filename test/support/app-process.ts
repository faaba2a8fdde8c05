import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { built } from './built.js'

/** `node dist/app.js` as a user runs it: a process of its own, in an empty folder, with nothing in its environment. */
export class AppProcess {
  readonly folder: string
  #child: ChildProcess | undefined
  #stdout = ''
  #stderr = ''

  private constructor(folder: string) {
    this.folder = folder
  }

  static async inEmptyFolder(): Promise<AppProcess> {
    return new AppProcess(await mkdtemp(join(tmpdir(), 'wechat-hub-app-')))
  }

  /** What it has printed for people since its last start. */
  get stderr(): string {
    return this.#stderr
  }

  /** The lines of its log since its last start. */
  get log(): Record<string, unknown>[] {
    return this.#stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  }

  get logText(): string {
    return this.#stdout
  }

  /** Starts it. Ports that are not given are any free ones. */
  start(env: NodeJS.ProcessEnv = {}, program = built('src/app.ts')): void {
    this.#stdout = ''
    this.#stderr = ''
    const child = spawn(process.execPath, [program], {
      cwd: this.folder,
      env: { PATH: process.env['PATH'], PORT: '0', WECHAT_SANDBOX_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (chunk) => {
      this.#stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      this.#stderr += chunk
    })
    this.#child = child
  }

  /** Starts it and answers its URL when it listens. */
  async listening(env: NodeJS.ProcessEnv = {}, program = built('src/app.ts')): Promise<string> {
    this.start(env, program)
    const port = await new Promise<number>((resolvePort, reject) => {
      const look = () => {
        const line = this.log.find(({ msg }) => msg === 'listening')
        if (line === undefined) return
        this.#child?.stdout?.off('data', look)
        resolvePort(Number(line['port']))
      }
      this.#child?.stdout?.on('data', look)
      this.#child?.once('close', (code) => reject(new Error(`it ended with ${code}: ${this.#stderr}`)))
    })
    return `http://127.0.0.1:${port}`
  }

  /** Its exit code, when it has ended and all it printed is here. */
  async ended(): Promise<number | null> {
    const child = this.#child
    if (child === undefined) return null
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
    return child.exitCode
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async remove(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended()
    await rm(this.folder, { recursive: true, force: true })
  }
}
