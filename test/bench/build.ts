import { join } from 'node:path'
import { buildInto } from '../support/build.js'
import { temporaryFolder } from './temporary.js'

/** The hub and the programs of this folder as JavaScript, in a folder of their own. */
export interface Build {
  readonly app: string
  /** The file of a program by its name, such as `bare-koa`. */
  program(name: string): string
}

/** @throws {Error} with the compiler's words. */
export async function build(): Promise<Build> {
  const folder = temporaryFolder()
  await buildInto(folder)
  return {
    app: join(folder, 'src/app.js'),
    program: (name) => join(folder, `test/bench/programs/${name}.js`),
  }
}
