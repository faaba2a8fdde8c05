import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** The pipe ends with this program, however that ends. */
const watch = 'read -r _; kill -9 "$0"; rm -rf "$@"'

/** Another process that ends a process and removes folders when this program is gone, killed though it was. */
export class Guardian {
  readonly #process

  constructor(pid: number, folders: readonly string[]) {
    // In a session of its own: Ctrl-C ends this program and not it.
    this.#process = spawn('/bin/sh', ['-c', watch, String(pid), ...folders], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
  }

  /** When there is nothing left to guard. */
  async dismiss(): Promise<void> {
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exited
  }
}
