import type { Config } from '../config.js'
import type { CredentialStore } from '../stores/store.js'
import type { CredentialEvent } from '../wechat/credential-event.js'
import { Wechat } from '../wechat/wechat.js'
import type { NamedAccount } from './hub-settings.js'
import type { Terminal } from './terminal.js'

export interface AccountMeans {
  readonly config: Config
  readonly credentials: CredentialStore
  readonly terminal: Terminal
}

/** An account as the hub runs it: with the store and the lock of a hub that may be running. Close it. */
export function accountWechat(account: NamedAccount, { config, credentials, terminal }: AccountMeans): Wechat {
  const { secrets } = terminal
  const { appID, appSecret, token, encodingAESKey, mode, type, endpoint, dailyTokens } = account
  return new Wechat({
    ...{ appID, appSecret, token, encodingAESKey, mode, type, endpoint, dailyTokens, secrets },
    ...config.wechat,
    storage: credentials.account(appID),
    onEvent(event) {
      if (event.type === 'set-aside') terminal.tell(`A stored record was set aside: ${event.reason}.`)
      else if (isOfStore(event)) terminal.tell(`The store has failed (${event.type}): ${event.error}`)
    },
  })
}

type StoreFailure = Extract<CredentialEvent, { type: 'save-failed' | 'lock-failed' | 'read-failed' }>

function isOfStore(event: CredentialEvent): event is StoreFailure {
  return ['save-failed', 'lock-failed', 'read-failed'].includes(event.type)
}
