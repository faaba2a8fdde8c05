import { z } from 'zod'
import { checked } from './refusal.js'

/** An account that the sandbox knows. */
export interface SandboxAccount {
  /** 1 to 64 letters, digits, `_` and `-`. */
  appID: string
  /** 1 to 128 characters. */
  appSecret: string
  /**
   * How many tokens `/cgi-bin/token` gives on one day (UTC+8). Integer, 0 or more. Default 2000, as a production
   * account has; WeChat's test accounts have 200 [FREQ].
   */
  dailyTokens?: number | undefined
}

/** An account with its quota settled. */
export interface KnownAccount extends SandboxAccount {
  dailyTokens: number
}

export const accountSchema: z.ZodType<SandboxAccount> = z.strictObject({
  appID: z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" and "-"'),
  appSecret: z.string().min(1).max(128),
  dailyTokens: z.int().min(0).optional(),
})

/** The accounts of the sandbox, by appID. */
export class Accounts {
  readonly #accounts = new Map<string, KnownAccount>()

  constructor(accounts: readonly SandboxAccount[]) {
    for (const account of accounts) this.add(account)
  }

  /**
   * Adds an account, or gives one that is there a new secret or quota. Returns its appID.
   * @throws Refusal that names the field, never its value.
   */
  add(account: SandboxAccount): string {
    const { appID, appSecret, dailyTokens = 2000 } = checked(accountSchema, account)
    this.#accounts.set(appID, { appID, appSecret, dailyTokens })
    return appID
  }

  get(appID: string): Readonly<KnownAccount> | undefined {
    return this.#accounts.get(appID)
  }

  has(appID: string): boolean {
    return this.#accounts.has(appID)
  }
}
