import type { Config } from '../../config.js'
import { Api } from '../../wechat/api.js'
import type { Secrets } from '../../wechat/secrets.js'
import type { NamedAccount } from '../hub-settings.js'
import { type HubStores, localStores, openRedis } from '../hub-stores.js'
import { examineCallback } from './callback.js'
import { examineClients } from './clients.js'
import { examineCredentials } from './credentials.js'
import { examineDataFolder } from './data-folder.js'
import { counted, type Finding } from './finding.js'
import { examineMove } from './move.js'
import { examineRedis, unreachableRedis } from './redis.js'
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
  if (config.redis.url === '') return examineWith(localStores(config), [], accounts, means)
  const stores = await openRedis(config, () => undefined).catch((error: unknown) => unreachableRedis(error))
  if (!('connection' in stores)) return examineWith(undefined, [stores], accounts, means)
  try {
    return await examineWith(stores, await examineRedis(stores.connection), accounts, means)
  } finally {
    await stores.close()
  }
}

/** `stores`: undefined: they are out of reach. */
async function examineWith(
  stores: HubStores | undefined,
  ofStores: readonly Finding[],
  accounts: readonly NamedAccount[],
  means: Circumstances,
): Promise<Finding[]> {
  const { config } = means
  const findings = [
    ofConfiguration(config),
    ...ofStores,
    ...(await examineDataFolder(config)),
    ...(stores === undefined ? [] : await examineStores(config, stores)),
    ...(await examineUpstream(config.wechat)),
  ]
  const isReachable = findings.every(({ check, result }) => check !== 'upstream' || result !== 'wrong')
  for (const account of accounts) findings.push(...(await examineAccount(account, { ...means, stores, isReachable })))
  return findings
}

async function examineStores(config: Config, stores: HubStores): Promise<Finding[]> {
  return [await examineClients(config, stores.text('clients')), ...(await examineMove(stores))]
}

/** Only a configuration that can be used gets here: its faults end every command. */
function ofConfiguration({ accounts, clients }: Config): Finding {
  const ofAccounts = counted(Object.keys(accounts).length, 'account')
  const ofClients = counted(Object.keys(clients).length, 'configured client')
  return { check: 'configuration', result: 'ok', what: `it can be used: ${ofAccounts}, ${ofClients}` }
}

interface AccountCircumstances extends Circumstances {
  readonly stores: HubStores | undefined
  /** Whether WeChat answers. */
  readonly isReachable: boolean
}

async function examineAccount(account: NamedAccount, means: AccountCircumstances): Promise<Finding[]> {
  const { config, secrets, stores, isReachable, url, network } = means
  const api = new Api({ ...config.wechat, secrets })
  try {
    const { findings, token } = isReachable
      ? await examineCredentials(account, { config, api, secrets, store: stores?.credentials.account(account.appID) })
      : { findings: [untried] }
    const ofCallback = await examineCallback(account, { url, network, api, token })
    return [...findings, ...ofCallback].map((finding) => ({ ...finding, account: account.name }))
  } finally {
    api.close()
  }
}

const untried: Finding = { check: 'AppSecret', result: 'unknown', what: 'not tried: WeChat is out of reach' }
