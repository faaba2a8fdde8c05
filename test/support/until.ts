import { turn } from './movable-clock.js'

/** Resolves when the condition holds; the time limit of the test bounds the wait. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await turn()
}
