import type { Context } from 'koa'
import type { Account, Accounts } from '../accounts.js'
import { callerAddress } from '../http/caller-address.js'
import type { ErrcodeRefusal } from '../http/errcode-answer.js'
import { bearerKey } from './bearer.js'
import type { Client, Clients } from './client.js'
import type { GuardedState } from './guard.js'
import { HubTokens, hubTokenLifetime } from './hub-token.js'
import type { Limits } from './limits.js'
import {
  deadAccessToken,
  deadHubToken,
  forbidden,
  noAppID,
  noToken,
  type Refused,
  tooOften,
  wrongAppID,
  wrongKey,
  wrongSecret,
} from './refusals.js'
import { allows, allowsExactly, getsRealToken, hasGateway, mayUse } from './scope.js'

/** Who calls, and for which account. */
export interface Caller {
  /** Absent for one who shows a real access_token: it tells the account only. */
  readonly client?: Client
  readonly account: Account
  /** Whether the caller has WeChat's real access_token anyway. */
  readonly holdsToken: boolean
}

export interface CallersOptions {
  readonly clients: Pick<Clients, 'byKey' | 'all'>
  readonly hubTokens: Pick<HubTokens, 'read' | 'make'>
  readonly accounts: Pick<Accounts, 'all' | 'find'>
  readonly limits: Pick<Limits, 'client' | 'stranger'>
  /** Told of each caller that is not let in. */
  readonly refused: (ctx: Context, refusal: Refused) => void
  /** Takes the secrets out of a text that the caller has chosen. */
  readonly clean: (text: string) => string
}

/** A client that may have a token of an account, and which: WeChat's own, or this one of the hub. */
export interface Taker {
  readonly account: Account
  readonly client: string
  readonly hubToken: { readonly token: string; readonly lifetime: number } | undefined
}

/** What a caller shows: its key in a header, or the `access_token` that an SDK sends. */
export interface Shown {
  readonly accessToken: string | undefined
  /** The account that the caller names by `appid`. */
  readonly appID: string | undefined
}

/** What a caller must be allowed to do. */
export interface Wanted {
  allowed(client: Client, account: Account): boolean
  /** What a client needs to be allowed: for the people behind it. */
  needs(): string
}

/** Who is let in, or why not; at once, if nobody has to be asked. */
export type Admission = Caller | Refused | Promise<Caller | Refused>

/** A refusal of a client that is known for what it asks. */
interface Unplaced extends Refused {
  readonly client?: Client
}

/** Finds out who uses WeChat's own paths at the hub, and says no in WeChat's words. */
export class Callers {
  readonly #options: CallersOptions

  constructor(options: CallersOptions) {
    this.#options = options
  }

  /** Lets in who shows a client key in `Authorization`, a hub token, or a real access_token that lives. */
  admit(ctx: Context, shown: Shown, wanted: Wanted): Admission {
    const found = this.#identify(ctx, shown)
    // To wait for nothing costs too.
    return found instanceof Promise
      ? found.then((late) => this.#admitFound(ctx, late, wanted))
      : this.#admitFound(ctx, found, wanted)
  }

  #admitFound(ctx: Context, found: Caller | Unplaced, wanted: Wanted): Admission {
    const caller = this.#settle(ctx, found)
    if (caller instanceof Promise || 'errcode' in caller) return caller
    const { client, account } = caller
    const isAllowed = client === undefined ? this.#isForHolders(account, wanted) : wanted.allowed(client, account)
    if (isAllowed) return caller
    return this.#refuse(ctx, { ...forbidden, hint: `The client needs ${wanted.needs()}.` })
  }

  /** For a call of a path of WeChat's; a `guarded` one opens only to a scope that names the path itself. */
  admitCall(ctx: Context, call: Shown & { readonly path: string; readonly guarded: boolean }) {
    const { path, guarded } = call
    return this.admit(ctx, call, {
      allowed: (client, { name }) =>
        guarded ? allowsExactly(client, path, name) : allows(client, `gateway:${path}`, name),
      needs: () =>
        `the scope "gateway:${this.#options.clean(path)}"${guarded ? ': no wildcard takes this path in' : ', or one that takes it in'}`,
    })
  }

  /** For a ticket, which opens as much as a path of its own does. */
  admitTicket(ctx: Context, accessToken: string | undefined) {
    const path = '/cgi-bin/ticket/getticket'
    const appID = typeof ctx.query['appid'] === 'string' ? ctx.query['appid'] : undefined
    return this.admit(
      ctx,
      { accessToken, appID },
      {
        allowed: (client, { name }) => allows(client, 'ticket', name) || allowsExactly(client, path, name),
        needs: () => 'the scope "ticket"',
      },
    )
  }

  /**
   * For a token, by a client key as the `secret` of an appid, as SDKs ask for it. A client with the scope `token` is to get
   * WeChat's; one with others that an access_token opens gets a hub token.
   */
  async admitTaker(ctx: Context, { appID, secret }: { appID: string; secret: string }): Promise<Taker | Refused> {
    const client = this.#options.clients.byKey(secret)
    if (client === undefined) return this.#settle(ctx, wrongSecret)
    const account = this.#accountNamed(client, appID)
    if (account === undefined) return this.#settle(ctx, { ...wrongAppID, client })
    const settled = await this.#settle(ctx, { client, account, holdsToken: false })
    if ('errcode' in settled) return settled
    if (getsRealToken(client, account.name)) return { account, client: client.name, hubToken: undefined }
    if (!hasGateway(client) && !allows(client, 'ticket', account.name)) {
      return this.#refuse(ctx, {
        ...forbidden,
        hint: 'The client needs the scope "token", "ticket" or one for the gateway.',
      })
    }
    const token = this.#options.hubTokens.make(client, secret, account.appID)
    return { account, client: client.name, hubToken: { token, lifetime: hubTokenLifetime } }
  }

  /** For a request that is refused before anybody looks who sent it: counted as those of strangers are. */
  async refuse(ctx: Context, refusal: ErrcodeRefusal): Promise<ErrcodeRefusal> {
    return this.#turnAway(ctx, { ...refusal, status: 403 })
  }

  #identify(ctx: Context, { accessToken, appID }: Shown): Caller | Unplaced | Promise<Caller | Refused> {
    const bearer = bearerKey(ctx.req)
    if (bearer === 'unusable') return wrongKey
    if (bearer !== 'missing') {
      const client = this.#options.clients.byKey(bearer.key)
      if (client === undefined) return wrongKey
      const account = appID === undefined ? this.#onlyAccountOf(client) : this.#accountNamed(client, appID)
      if (account !== undefined) return { client, account, holdsToken: false }
      return appID === undefined ? { ...noAppID, client } : { ...wrongAppID, client }
    }
    if (accessToken === undefined) return noToken
    return HubTokens.isOne(accessToken) ? this.#byHubToken(accessToken) : this.#byAccessToken(accessToken)
  }

  /**
   * A real access_token does not tell which client it was given to: it opens what some client does that gets it. So it opens
   * nothing once the last of them is revoked.
   */
  #isForHolders(account: Account, wanted: Wanted): boolean {
    for (const client of this.#options.clients.all) {
      if (getsRealToken(client, account.name) && wanted.allowed(client, account)) return true
    }
    return false
  }

  #byHubToken(token: string): Caller | Refused {
    const holder = this.#options.hubTokens.read(token)
    const account = holder === undefined ? undefined : this.#accountNamed(holder.client, holder.appID)
    if (holder === undefined || account === undefined) return deadHubToken
    return { client: holder.client, account, holdsToken: false }
  }

  async #byAccessToken(token: string): Promise<Caller | Refused> {
    for (const account of this.#options.accounts.all) {
      if (await account.wechat.accessToken.isLiving(token)) return { account, holdsToken: true }
    }
    return deadAccessToken
  }

  /** Not to be told apart: an account that there is not, and one that is not for this client. */
  #accountNamed(client: Client, appID: string): Account | undefined {
    const account = this.#options.accounts.find(appID)
    return account !== undefined && mayUse(client, account.name) ? account : undefined
  }

  #onlyAccountOf(client: Client): Account | undefined {
    const [only, ...others] = this.#options.accounts.all.filter(({ name }) => mayUse(client, name))
    return others.length === 0 ? only : undefined
  }

  /** Counts the request against the limits, and notes who it was. */
  #settle(ctx: Context, found: Unplaced): Refused | Promise<Refused>
  #settle(ctx: Context, found: Caller | Unplaced): Admission
  #settle(ctx: Context, found: Caller | Unplaced): Admission {
    const state: GuardedState = ctx.state
    const { limits } = this.#options
    if (found.client !== undefined) state.client = found.client
    else if ('errcode' in found) return this.#turnAway(ctx, found)
    const name =
      'errcode' in found ? found.client?.name : (found.client?.name ?? `access_token of ${found.account.name}`)
    const tooMany = limits.client(name ?? '')
    if (tooMany !== undefined) return this.#refuse(ctx, tooOften(tooMany))
    if ('errcode' in found) {
      // What it was known for is no matter of the caller's.
      const { client: _client, ...refusal } = found
      return this.#refuse(ctx, refusal)
    }
    state.account = found.account
    return found
  }

  /** Nobody knows who this is. */
  async #turnAway(ctx: Context, refusal: Refused): Promise<Refused> {
    const tooMany = await this.#options.limits.stranger(callerAddress(ctx))
    return this.#refuse(ctx, tooMany === undefined ? refusal : tooOften(tooMany))
  }

  #refuse(ctx: Context, refusal: Refused): Refused {
    this.#options.refused(ctx, refusal)
    return refusal
  }
}
