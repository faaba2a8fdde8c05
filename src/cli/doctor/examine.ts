import type { Config } from '../../config.js'
import { Api } from '../../wechat/api.js'
import type { Secrets } from '../../wechat/secrets.js'
import type { NamedAccount } from '../hub-settings.js'
import { examineCallback } from './callback.js'
import { examineCredentials } from './credentials.js'
import { examineDataFolder } from './data-folder.js'
import { counted, type Finding } from './finding.js'
import { examineUpstream } from './upstream.js'

export interface Circumstances {
  readonly config: Config
  /** Learns the tokens that come up. */
  readonly secrets: Secrets
  /** Where the callback is to be called; none: it is not called. */
  readonly url: URL | undefined
  /** Whether WeChat is asked to look the callback's host up. */
  readonly network: boolean
}

/** What there is to say of the hub and of these accounts. Changes nothing. */
export async function examineAll(accounts: readonly NamedAccount[], means: Circumstances): Promise<Finding[]> {
  const { config } = means
  const findings = [
    ofConfiguration(config),
    ...(await examineDataFolder(config)),
    ...(await examineUpstream(config.wechat)),
  ]
  const isReachable = findings.every(({ check, result }) => check !== 'upstream' || result !== 'wrong')
  for (const account of accounts) findings.push(...(await examineAccount(account, isReachable, means)))
  return findings
}

/** Only a configuration that can be used gets here: its faults end every command. */
function ofConfiguration({ accounts, clients }: Config): Finding {
  const ofAccounts = counted(Object.keys(accounts).length, 'account')
  const ofClients = counted(Object.keys(clients).length, 'configured client')
  return { check: 'configuration', result: 'ok', what: `it can be used: ${ofAccounts}, ${ofClients}` }
}

async function examineAccount(account: NamedAccount, isReachable: boolean, means: Circumstances): Promise<Finding[]> {
  const { config, secrets, url, network } = means
  const api = new Api({ ...config.wechat, secrets })
  try {
    const { findings, token } = isReachable
      ? await examineCredentials(account, { config, api, secrets })
      : { findings: [untried] }
    const ofCallback = await examineCallback(account, { url, network, api, token })
    return [...findings, ...ofCallback].map((finding) => ({ ...finding, account: account.name }))
  } finally {
    api.close()
  }
}

const untried: Finding = { check: 'AppSecret', result: 'unknown', what: 'not tried: WeChat is out of reach' }
