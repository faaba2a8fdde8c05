import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { built } from './built.js'
import type { Commands, Report } from './child-serve.js'

const repository = fileURLToPath(new URL('../../', import.meta.url))

/** The limit makes a write fail as a full disk does, without a disk to fill and without a privilege. */
const withFullDisk = (blocks: number) => ({
  execPath: '/bin/sh',
  execArgv: ['-c', `ulimit -f ${blocks}; exec '${process.execPath}' "$@"`, 'sh'],
})

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

interface Listener {
  hears(news: string, value: unknown): void
  reject(error: Error): void
}

/** Another process, which runs a program of this folder and does what it is asked. */
export class Child<Served extends Commands> {
  static readonly #living = new Set<ChildProcess>()

  /** With the exit code and the signal, when all that it told has been heard. */
  readonly exited: Promise<unknown[]>
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  readonly #listeners = new Set<Listener>()
  #asked = 0

  private constructor(process: ChildProcess) {
    this.#process = process
    this.exited = Promise.all([once(process, 'exit'), once(process, 'disconnect')]).then(([exit]) => exit)
    process.on('message', (message) => this.#take(message as Report))
    process.once('exit', (code, signal) => {
      Child.#living.delete(process)
      this.#forsake(new Error(`the child process has ended (${signal ?? code})`))
    })
    Child.#living.add(process)
  }

  /**
   * Resolves when the program serves. `program`: the file's name in this folder, such as `child-lock`. `disk: 'full'`: every
   * write to a file fails, though files can be made; a number: that which would make a file longer than so many half KiB. `env` is
   * laid over this process's.
   */
  static async start<Served extends Commands>(
    program: string,
    settings: object = {},
    { disk, env = {} }: { disk?: 'full' | number; env?: NodeJS.ProcessEnv } = {},
  ): Promise<Child<Served>> {
    const script = built(`test/support/${program}.ts`)
    const options = disk === undefined ? {} : withFullDisk(disk === 'full' ? 0 : disk)
    const forked = fork(script, [JSON.stringify(settings)], {
      cwd: repository,
      execArgv: [],
      env: { ...process.env, ...env },
      ...options,
    })
    const child = new Child<Served>(forked)
    await Promise.race([once(forked, 'message'), child.exited])
    return child
  }

  /** Ends every child that still lives, frozen ones too. */
  static async killAll(): Promise<void> {
    await Promise.all(
      [...Child.#living].map((process) => {
        process.kill('SIGKILL')
        return once(process, 'exit')
      }),
    )
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** Has a command done. Rejects with an error of the same `code`, or when the process ends before it has answered. */
  ask<Name extends keyof Served & string>(
    command: Name,
    ...[argument]: Parameters<Served[Name]>
  ): Promise<Awaited<ReturnType<Served[Name]>>> {
    this.#asked += 1
    const id = this.#asked
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (value) => resolve(value as Awaited<ReturnType<Served[Name]>>), reject })
      this.#process.send({ id, command, argument }, (error) => {
        if (error !== null) reject(error)
      })
    })
  }

  /** The next thing of that name that the process tells. */
  news(name: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const listener: Listener = {
        reject,
        hears: (news, value) => {
          if (news !== name) return
          this.#listeners.delete(listener)
          resolve(value)
        },
      }
      this.#listeners.add(listener)
    })
  }

  /** Hears everything of that name that the process tells. */
  hear(name: string, heard: (value: unknown) => void): void {
    this.#listeners.add({ hears: (news, value) => news === name && heard(value), reject: () => undefined })
  }

  /** SIGSTOP freezes it, SIGCONT lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(signal)
  }

  /** Ends it between two of its instructions, whichever those are. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.exited
  }

  #take(report: Report): void {
    if (report.type === 'news') {
      for (const listener of this.#listeners) listener.hears(report.name, report.value)
    } else if (report.type !== 'ready') {
      const waiting = this.#waiting.get(report.id)
      this.#waiting.delete(report.id)
      if (report.type === 'answer') waiting?.resolve(report.value)
      else waiting?.reject(Object.assign(new Error(report.message), { code: report.code }))
    }
  }

  #forsake(error: Error): void {
    for (const { reject } of [...this.#waiting.values(), ...this.#listeners]) reject(error)
    this.#waiting.clear()
    this.#listeners.clear()
  }
}
