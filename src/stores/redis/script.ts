import { createHash } from 'node:crypto'

/** A Lua script, which Redis runs as one atomic step. */
export interface Script {
  readonly text: string
  /** What Redis knows it by once it has seen it. */
  readonly sha: string
}

export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
