import type { Wechat } from './wechat/wechat.js'

/** One WeChat account that the hub serves. */
export interface Account {
  /** Its name in the configuration. */
  readonly name: string
  readonly appID: string
  readonly wechat: Wechat
}

/** The hub's accounts, by name and by appID. */
export class Accounts {
  readonly all: readonly Account[]
  readonly #byKey: ReadonlyMap<string, Account>

  constructor(accounts: readonly Account[]) {
    this.all = accounts
    this.#byKey = new Map(accounts.flatMap((account) => [[account.name, account] as const, [account.appID, account]]))
  }

  /** The account with this name or appID. */
  find(nameOrAppID: string): Account | undefined {
    return this.#byKey.get(nameOrAppID)
  }

  /** The account that is meant where none is named: `default`, or else the first one. */
  get standard(): Account | undefined {
    return this.find('default') ?? this.all[0]
  }
}
