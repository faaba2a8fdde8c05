import { execFile } from 'node:child_process'
import { cpSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from './temporary.js'
import { within } from './within.js'

const repository = fileURLToPath(new URL('../../', import.meta.url))

/** The hub and the programs of this folder as JavaScript, in a folder of their own. */
export interface Build {
  readonly app: string
  /** The file of a program by its name, such as `bare-koa`. */
  program(name: string): string
}

/** @throws {Error} with the compiler's words. */
export async function build(): Promise<Build> {
  const folder = temporaryFolder()
  for (const name of ['package.json', 'config/default.json', 'config/custom-environment-variables.json']) {
    cpSync(join(repository, name), join(folder, name))
  }
  // What the compiler passes by: scripts and pages for browsers.
  cpSync(join(repository, 'src'), join(folder, 'src'), { recursive: true, filter: (name) => !name.endsWith('.ts') })
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  await within(60_000, 'the build', compile(folder))
  return {
    app: join(folder, 'src/app.js'),
    program: (name) => join(folder, `test/bench/programs/${name}.js`),
  }
}

async function compile(folder: string): Promise<void> {
  const args = ['-p', join(repository, 'test/bench'), '--outDir', folder]
  try {
    await promisify(execFile)(join(repository, 'node_modules/.bin/tsc'), args)
  } catch (error) {
    throw new Error(`the build failed: ${Object(error).stdout || Object(error).message}`)
  }
}
