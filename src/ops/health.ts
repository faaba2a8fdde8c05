import type { Account } from '../accounts.js'

/** Whether an account can serve tokens, and if not, why. */
export interface AccountHealth {
  readonly ready: boolean
  /** Seconds the present access_token has to live; 0: there is none. */
  readonly token_seconds_left: number
  /** What is wrong, even while the account is still ready. */
  readonly problem?: string
  readonly errcode?: number
  readonly hint?: string
}

export interface Readiness {
  readonly ready: boolean
  readonly accounts: Readonly<Record<string, AccountHealth>>
}

/** The hub is ready when every account has a living token, or has not been asked for one and is not known to fail. */
export function readiness(accounts: readonly Account[]): Readiness {
  const health = accounts.map((account) => [account.name, healthOf(account)] as const)
  return { ready: health.every(([, { ready }]) => ready), accounts: Object.fromEntries(health) }
}

function healthOf({ wechat }: Account): AccountHealth {
  const { asked, secondsLeft, failure } = wechat.accessToken.state
  const ready = secondsLeft > 0 || (!asked && failure === undefined)
  const found = { ready, token_seconds_left: secondsLeft }
  if (failure !== undefined) {
    const { message: problem, errcode, hint } = failure
    return { ...found, problem, errcode, ...(hint === undefined ? {} : { hint }) }
  }
  return ready ? found : { ...found, problem: 'the first token is being fetched' }
}
