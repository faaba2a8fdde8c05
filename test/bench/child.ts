import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './temporary.js'
import { within } from './within.js'

/** What a process is started with. Of our own environment it gets only `PATH`. */
export interface Program {
  readonly file: string
  readonly env?: Readonly<Record<string, string>>
  /** Options for Node. */
  readonly options?: readonly string[]
  /** Whether it can be asked. */
  readonly talks?: boolean
}

const longestAnswer = 60_000
const longestEnd = 5_000

/** A Node process in an empty working folder of its own, its stdout in a file there. */
export class Child {
  static readonly #living = new Set<Child>()

  readonly folder = temporaryFolder()
  readonly log = join(this.folder, 'stdout.log')
  readonly #errors = join(this.folder, 'stderr.log')
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>

  constructor({ file, env = {}, options = [], talks = false }: Program) {
    const stdout = openSync(this.log, 'w')
    const stderr = openSync(this.#errors, 'w')
    this.#process = spawn(process.execPath, [...options, file], {
      cwd: this.folder,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', stdout, stderr, ...(talks ? (['ipc'] as const) : [])],
    })
    closeSync(stdout)
    closeSync(stderr)
    this.#ended = once(this.#process, 'exit').finally(() => Child.#living.delete(this))
    Child.#living.add(this)
  }

  /** For the end of our own process: ends at once what still lives. */
  static killAll(): void {
    for (const child of Child.#living) child.#process.kill('SIGKILL')
  }

  /** Resident memory in bytes, as the kernel counts it. */
  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8')
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
    if (kibibytes === undefined) throw new Error('the kernel does not tell the resident memory')
    return Number(kibibytes) * 1024
  }

  /** The next message of the process. */
  async hear<T>(): Promise<T> {
    const [message] = await within(longestAnswer, 'an answer', this.orEnd(once(this.#process, 'message')))
    return message as T
  }

  /** Sends the process a message, and gives the next one of its own. */
  async ask<T>(message: object | string): Promise<T> {
    const answer = this.hear<T>()
    this.#process.send(message)
    return answer
  }

  /** What the work gives; an error if the process ends before. */
  async orEnd<T>(work: Promise<T>): Promise<T> {
    const ended = this.#ended.then(() => {
      throw new Error(`the process ended: ${readFileSync(this.#errors, 'utf8').slice(0, 2000)}`)
    })
    return Promise.race([work, ended])
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    await within(longestEnd, 'the end of a process', this.#ended).catch(() => {
      this.#process.kill('SIGKILL')
      return this.#ended
    })
  }
}
