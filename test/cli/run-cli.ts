import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll } from 'vitest'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

let built: string

// Built once for a file of tests: from the sources each of its many processes would take three times as long.
beforeAll(async () => {
  built = temporaryFolder()
  cpSync('package.json', join(built, 'package.json'))
  cpSync('config', join(built, 'config'), { recursive: true })
  symlinkSync(resolve('node_modules'), join(built, 'node_modules'))
  const compiler = [resolve('node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json']
  await promisify(execFile)(process.execPath, [...compiler, '--outDir', join(built, 'dist'), '--declaration', 'false'])
})

afterAll(() => removeFolder(built))

/** `wechat-hub …args` as an operator runs it: a process of its own, in this folder, with nothing else in its environment. */
export async function runCli(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [join(built, 'dist', 'cli.js'), ...args], {
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
