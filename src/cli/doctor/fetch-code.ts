import { errorCode } from '../../error-code.js'

/** Why a `fetch` failed, in a word. Its message alone says only that it did. */
export function codeOfFetch(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const code = errorCode(cause)
  if (code !== undefined) return code
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time'
  return cause instanceof Error ? cause.message : String(error)
}
