import { z } from 'zod'
import { type CallbackSettings, callbackFields } from './callback-settings.js'
import { checked, Refusal } from './refusal.js'

/** An account that the sandbox knows. */
export interface SandboxAccount extends CallbackSettings {
  /** 1 to 64 letters, digits, `_` and `-`. */
  appID: string
  /** 1 to 128 characters. */
  appSecret: string
  /**
   * How many tokens `/cgi-bin/token` gives on one day (UTC+8). Integer, 0 or more. Default 2000, as a production
   * account has; WeChat's test accounts have 200 [FREQ].
   */
  dailyTokens?: number | undefined
  /**
   * JS接口安全域名: hosts whose pages, and those of the hosts below them, may use JS-SDK; `:*` behind one means at any port.
   * Default: none.
   */
  jsDomains?: readonly string[] | undefined
}

/** An account with its quota settled. */
export interface KnownAccount extends SandboxAccount {
  dailyTokens: number
}

export const accountSchema: z.ZodType<SandboxAccount> = z.strictObject({
  appID: z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" and "-"'),
  appSecret: z.string().min(1).max(128),
  dailyTokens: z.int().min(0).optional(),
  jsDomains: z
    .array(z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*(:\*)?$/, 'must be a host name in lower case, or one with ":*"'))
    .optional(),
  ...callbackFields,
})

/** The accounts of the sandbox, by appID. */
export class Accounts {
  readonly #accounts = new Map<string, KnownAccount>()

  constructor(accounts: readonly SandboxAccount[]) {
    for (const account of accounts) this.add(account)
  }

  /**
   * Adds an account, or changes one that is there: what is not given stays as it is. Returns its appID.
   * @throws Refusal that names the field, never its value.
   */
  add(account: SandboxAccount): string {
    const given = checked(accountSchema, account)
    const known = this.#accounts.get(given.appID)
    const dailyTokens = given.dailyTokens ?? known?.dailyTokens ?? 2000
    const changed = { ...known, ...withoutGaps(given), dailyTokens }
    if (changed.mode !== undefined && changed.mode !== 'plain' && changed.encodingAESKey === undefined) {
      throw new Refusal('"encodingAESKey": is needed in compatible and safe mode')
    }
    this.#accounts.set(changed.appID, changed)
    return changed.appID
  }

  get(appID: string): Readonly<KnownAccount> | undefined {
    return this.#accounts.get(appID)
  }

  has(appID: string): boolean {
    return this.#accounts.has(appID)
  }

  /** The appID that was added first. */
  first(): string | undefined {
    return this.#accounts.keys().next().value
  }
}

function withoutGaps(account: SandboxAccount): SandboxAccount {
  const { appID, appSecret } = account
  return { ...Object.fromEntries(Object.entries(account).filter(([, value]) => value !== undefined)), appID, appSecret }
}
