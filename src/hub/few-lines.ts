import { Sparingly } from '../ops/sparingly.js'
import type { Clock } from '../wechat/clock.js'

/** Lines of the log in a minute that say the same. */
const linesAMinute = 10

/** For what a stranger can make happen as often as he likes, and a failing store with each push: neither shall fill the log. */
export function fewLines(clock: Clock): Sparingly {
  return new Sparingly(clock, linesAMinute)
}
