import { execFile } from 'node:child_process'
import { cpSync, existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const repository = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Compiles the hub, and the programs that tests and benchmarks run beside it, into this folder, which gets the tree of the
 * repository. A program starts there in a third of the time that its sources take. Types are the business of `npm run check`.
 *
 * @throws {Error} with the compiler's words.
 */
export async function buildInto(folder: string): Promise<void> {
  for (const name of ['package.json', 'config/default.json', 'config/custom-environment-variables.json']) {
    cpSync(join(repository, name), join(folder, name))
  }
  // What the compiler passes by: scripts and pages for browsers.
  cpSync(join(repository, 'src'), join(folder, 'src'), { recursive: true, filter: (name) => !name.endsWith('.ts') })
  if (!existsSync(join(folder, 'node_modules'))) {
    symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  }
  const args = ['-p', join(repository, 'test/tsconfig.programs.json'), '--noCheck', '--outDir', folder]
  try {
    await promisify(execFile)(join(repository, 'node_modules/.bin/tsc'), args, { timeout: 60_000 })
  } catch (error) {
    throw new Error(`the build failed: ${Object(error).stdout || Object(error).message}`)
  }
}
