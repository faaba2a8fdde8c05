import type { Clock } from '../wechat/clock.js'
import { type Held, type Source, secondsLeft } from '../wechat/held.js'

/** What a back end is given: the token, the seconds until it really dies, and where the hub had it from. */
export interface GivenAccessToken {
  readonly access_token: string
  readonly expires_in: number
  readonly from: Source
}

/**
 * The answer of the token endpoints. `expires_in` needs no allowance for a planned refresh: that comes at most 299 s before
 * the end, and the old token lives 300 s on [ATUSE].
 */
export function givenAccessToken(held: Held, clock: Clock): GivenAccessToken {
  return { access_token: held.value, expires_in: secondsLeft(held, clock), from: held.from }
}
