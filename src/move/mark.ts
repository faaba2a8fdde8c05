import { z } from 'zod'
import type { Stores } from '../stores/stores.js'
import { MoveError } from './move-error.js'

const markSchema = z.object({
  state: z.enum(['copying', 'here', 'leaving', 'moved']),
  other: z.string(),
  at: z.string(),
})

/**
 * What a store says of the last move. `copying`: all is being copied here from `other`, and not all may have come; `here`: it was
 * moved here, or a move to `other` failed, and it stayed; `leaving`: it is being copied to `other`; `moved`: it was moved to
 * `other`, and what is left here is old.
 */
export type Mark = z.infer<typeof markSchema>

/** Undefined: nothing was moved from or to here. */
export async function readMark(stores: Pick<Stores, 'text'>): Promise<Mark | undefined> {
  const found = await stores.text('move').read()
  return found === undefined ? undefined : markIn(found.text)
}

/** @throws {MoveError} when another process changes it at the same time. */
export async function writeMark(stores: Pick<Stores, 'text'>, state: Mark['state'], other: string): Promise<void> {
  const text = stores.text('move')
  const mark: Mark = { state, other, at: new Date().toISOString() }
  const written = await text.write(`${JSON.stringify(mark)}\n`, await text.identity())
  if (!written) throw new MoveError(`another process is moving from or to ${text.where}: wait until it has ended`)
}

function markIn(text: string): Mark | undefined {
  try {
    return markSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
