import { StoredClientsError } from '../../access/stored-clients.js'
import type { Config } from '../../config.js'
import { type StoredText, StoreError } from '../../stores/store.js'
import { knownClients } from '../known-clients.js'
import { counted, type Finding } from './finding.js'

/** Who can use the hub; `text` holds the stored clients. */
export async function examineClients(config: Config, text: StoredText): Promise<Finding> {
  const check = 'clients'
  try {
    const clients = (await knownClients(config, text)).filter(({ shadowed }) => !shadowed)
    const keys = clients.flatMap(({ keyHashes }) => keyHashes).length
    if (clients.length > 0)
      return { check, result: 'ok', what: `${counted(clients.length, 'client')}, ${counted(keys, 'key')}` }
    const remedy =
      (await text.identity()) === undefined
        ? 'The first start of a hub makes one; "wechat-hub client add" too.'
        : `"wechat-hub client add" makes one. A start of the hub makes none while there is a ${text.where}.`
    return { check, result: 'warning', what: 'none: nobody can use the hub', remedy }
  } catch (error) {
    if (!(error instanceof StoredClientsError || error instanceof StoreError)) throw error
    return { check, result: 'wrong', what: error.message }
  }
}
