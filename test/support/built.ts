import { join } from 'node:path'
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder into which the programs of this run were built. */
    built: string
  }
}

/** The JavaScript of a TypeScript file of the repository, which was compiled once for all tests of this run. */
export function built(file: string): string {
  return join(inject('built'), file.replace(/\.ts$/, '.js'))
}
