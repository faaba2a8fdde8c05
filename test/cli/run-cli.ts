import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { built } from '../support/built.js'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `wechat-hub …args` as an operator runs it: a process of its own, in this folder, with nothing else in its environment. */
export async function runCli(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [built('src/cli.ts'), ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    said.stderr += chunk
  })
  await once(child, 'close')
  return { code: child.exitCode, ...said }
}
