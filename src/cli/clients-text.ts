import type { Config } from '../config.js'
import type { StoredText } from '../stores/store.js'
import { withHubStores } from './hub-stores.js'
import type { Terminal } from './terminal.js'

/** Does `work` with the text in which the hub of this configuration stores its clients. */
export function withClientsText<T>(
  config: Config,
  terminal: Terminal,
  work: (text: StoredText) => Promise<T>,
): Promise<T> {
  return withHubStores(config, terminal, (stores) => work(stores.text('clients')))
}
