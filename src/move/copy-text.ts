import type { StoredText } from '../stores/store.js'
import { MoveError } from './move-error.js'

/** What becomes of a text: `missing`: there is none at the source; `same`: the target has it; `differs`: it has another one. */
export type TextState = 'missing' | 'same' | 'absent' | 'differs'

export async function compareTexts(from: StoredText, to: StoredText): Promise<TextState> {
  const [source, target] = await Promise.all([from.read(), to.read()])
  if (source === undefined) return 'missing'
  if (target === undefined) return 'absent'
  return source.text === target.text ? 'same' : 'differs'
}

/** Puts the source's text in the place of the target's. @throws {MoveError} when others change the target's at the same time. */
export async function copyText(from: StoredText, to: StoredText): Promise<TextState> {
  const state = await compareTexts(from, to)
  const source = await from.read()
  if (source === undefined || state === 'missing' || state === 'same') return state
  if (await to.write(source.text, await to.identity())) return state
  throw new MoveError(`${to.where} was changed while it was copied: stop the hub, and run this again`)
}
