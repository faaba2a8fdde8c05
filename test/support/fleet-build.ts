import { execFile } from 'node:child_process'
import { cpSync, existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { removeFolder, temporaryFolder } from './temporary-folder.js'

const repository = fileURLToPath(new URL('../../', import.meta.url))

let built: Promise<string> | undefined

/**
 * The hub's program, built from the sources as they are now: once for all hubs of this program, which start in a third of the
 * time that the sources take. Types are the business of `npm run check`.
 *
 * @throws {Error} with the compiler's words.
 */
export function builtHub(): Promise<string> {
  built ??= build()
  return built
}

async function build(): Promise<string> {
  const folder = temporaryFolder()
  process.once('exit', () => removeFolder(folder))
  cpSync(join(repository, 'package.json'), join(folder, 'package.json'))
  cpSync(join(repository, 'config'), join(folder, 'config'), {
    recursive: true,
    filter: (name) => !/local[^/]*\.json$/.test(name),
  })
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  // What the compiler passes by: scripts and pages for browsers.
  const isNoSource = (name: string) => /(\.d\.ts|(?<!\.ts))$/.test(name)
  cpSync(join(repository, 'src'), join(folder, 'dist'), { recursive: true, filter: isNoSource })
  const args = ['-p', join(repository, 'tsconfig.build.json'), '--noCheck', '--outDir', join(folder, 'dist')]
  const app = join(folder, 'dist/app.js')
  try {
    await promisify(execFile)(join(repository, 'node_modules/.bin/tsc'), args)
  } catch (error) {
    if (!existsSync(app)) throw new Error(`the build failed: ${Object(error).stdout || Object(error).message}`)
  }
  return app
}
