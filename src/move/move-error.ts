/** What is asked cannot be moved, or not yet. The message is a sentence for the one who asked. */
export class MoveError extends Error {
  override readonly name = 'MoveError'
}
