import type { Account } from '../accounts.js'
import type { StoreError } from '../stores/store.js'
import type { Credential } from '../wechat/credential.js'
import type { WechatError } from '../wechat/errors.js'

/** What is wrong with a credential, even while it can still be given out. */
interface Problem {
  readonly problem?: string
  readonly errcode?: number
  readonly hint?: string
}

/** Whether an account can serve tokens, and if not, why. */
export interface AccountHealth extends Problem {
  readonly ready: boolean
  /** Seconds the present access_token has to live; 0: there is none. */
  readonly token_seconds_left: number
  /** The tickets that have been asked for. */
  readonly tickets?: Readonly<Record<string, TicketHealth>>
}

interface TicketHealth extends Problem {
  /** 0: there is none. */
  readonly seconds_left: number
}

export interface Readiness {
  readonly ready: boolean
  /** The hub serves what it has in memory, since its store does not answer. */
  readonly degraded?: true
  /** Why. */
  readonly store?: Problem
  readonly accounts: Readonly<Record<string, AccountHealth>>
}

/**
 * The hub is ready when every account has a living token, or has not been asked for one and is not known to fail. A ticket
 * that fails does not count: not every account may have one, and all that needs the token alone goes on. A store that does not
 * answer makes it degraded, not unready: all hubs that share it are, and to send nobody to any of them would help nobody.
 */
export function readiness(accounts: readonly Account[], storeFailure: StoreError | undefined): Readiness {
  const health = accounts.map((account) => [account.name, healthOf(account)] as const)
  return {
    ready: health.every(([, { ready }]) => ready),
    ...(storeFailure === undefined ? {} : { degraded: true, store: storeProblem(storeFailure) }),
    accounts: Object.fromEntries(health),
  }
}

function storeProblem({ message }: StoreError): Problem {
  return { problem: message, hint: 'Tokens in memory are served to their end; logins, renewals and refreshes wait.' }
}

function healthOf({ wechat }: Account): AccountHealth {
  const { accessToken } = wechat
  const { asked, secondsLeft, failure } = accessToken.state
  const ready = secondsLeft > 0 || (!asked && failure === undefined)
  const tickets = wechat.credentials.filter((credential) => credential !== accessToken && credential.state.asked)
  return {
    ready,
    token_seconds_left: secondsLeft,
    ...(ready ? problemOf(failure) : { problem: 'the first token is being fetched', ...problemOf(failure) }),
    ...(tickets.length === 0 ? {} : { tickets: Object.fromEntries(tickets.map(ticketHealthOf)) }),
  }
}

function ticketHealthOf({ name, state: { secondsLeft, failure } }: Credential): [string, TicketHealth] {
  return [name, { seconds_left: secondsLeft, ...problemOf(failure) }]
}

function problemOf(failure: WechatError | undefined): Problem {
  if (failure === undefined) return {}
  const { message: problem, errcode, hint } = failure
  return { problem, errcode, ...(hint === undefined ? {} : { hint }) }
}
