import { type Account, Accounts } from '../accounts.js'
import type { AccountConfig, Config } from '../config.js'
import { noteCredential } from '../ops/audit-notes.js'
import { logCredential } from '../ops/credential-log.js'
import type { CredentialStore } from '../stores/store.js'
import { Wechat } from '../wechat/wechat.js'
import type { Watched } from './basics.js'

interface AccountsParts extends Watched {
  readonly credentials: CredentialStore
}

/** The accounts that are configured, each with its way to WeChat. */
export function createAccounts(config: Config, parts: AccountsParts): Accounts {
  const { credentials, clock, secrets, log, metrics, audit } = parts
  const create = ([name, account]: [string, AccountConfig]): Account => {
    const { appID, appSecret, token, encodingAESKey, mode, type, endpoint, dailyTokens } = account
    const wechat = new Wechat({
      ...{ appID, appSecret, token, encodingAESKey, mode, type, endpoint, dailyTokens },
      ...config.wechat,
      storage: credentials.account(appID),
      clock,
      secrets,
      onCall: (observation) => metrics.apiCalled(name, observation),
      onEvent: (event) => {
        metrics.happened(name, event)
        logCredential(log, name, event)
        noteCredential(audit, name, event)
      },
    })
    return { name, appID, wechat }
  }
  return new Accounts(Object.entries(config.accounts).map(create))
}
