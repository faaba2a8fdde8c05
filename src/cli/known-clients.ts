import { type Client, fixedClients, hubClient } from '../access/client.js'
import { ClientEditError } from '../access/client-editor.js'
import { readClients } from '../access/stored-clients.js'
import type { Config } from '../config.js'
import type { StoredText } from '../stores/store.js'
import { CommandError } from './failure.js'

export interface KnownClient extends Client {
  readonly source: 'configuration' | 'environment' | 'stored'
  /** Whether a stored client does not count, because the configuration has one of the same name. */
  readonly shadowed: boolean
}

/** All clients, those first that only a restart of the hub changes; `text` holds the others. @throws StoredClientsError */
export async function knownClients(config: Config, text: StoredText): Promise<KnownClient[]> {
  const fixed = fixedOf(config)
  const names = new Set(fixed.map(({ name }) => name))
  const stored = (await readClients(text))?.clients ?? []
  return [
    ...fixed.map((client) => ({ ...client, source: sourceOf(client), shadowed: false })),
    ...stored.map((client) => ({ ...client, source: 'stored' as const, shadowed: names.has(client.name) })),
  ]
}

/** The names that no stored client may have, because the configuration has them. */
export function fixedNames(config: Config): string[] {
  return fixedOf(config).map(({ name }) => name)
}

/** Where clients come from. */
export interface ClientSources {
  readonly config: Config
  /** Holds the stored ones. */
  readonly text: Pick<StoredText, 'where'>
}

/**
 * Why a client cannot be changed here, as a sentence that says where it can, for `unknown` and for names of the
 * configuration; any other error as it is.
 */
export function asCannotChange(error: unknown, name: string, { config, text }: ClientSources): unknown {
  if (!(error instanceof ClientEditError) || error.code !== 'unknown') return error
  const fixed = fixedOf(config).find((client) => client.name === name)
  if (fixed === undefined) {
    return new CommandError(`${error.message} in ${text.where}; "wechat-hub client list" shows all`)
  }
  return new CommandError(
    sourceOf(fixed) === 'environment'
      ? `the key of the client "${name}" is WECHAT_HUB_KEY: change that variable, and restart the hub`
      : `the client "${name}" is in the configuration: change clients.${name} in config/local.json (keyHash may be a list of two), and restart the hub`,
  )
}

function fixedOf(config: Config): Client[] {
  return fixedClients({ configured: config.clients, key: config.key })
}

function sourceOf({ name }: Client): 'configuration' | 'environment' {
  return name === hubClient ? 'environment' : 'configuration'
}
