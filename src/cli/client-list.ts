import type { Command } from 'commander'
import { withClientsText } from './clients-text.js'
import { hubConfig } from './hub-settings.js'
import { type KnownClient, knownClients } from './known-clients.js'
import { type Terminal, table } from './terminal.js'

const sources = `
Sources: stored (data folder or Redis; change it with client add, rotate, revoke), configuration (config/local.json) and
environment (WECHAT_HUB_KEY). Of each key the first 8 hex digits of its SHA-256 are shown, newest first.`

const heads = ['NAME', 'SOURCE', 'KEYS', 'HASHES', 'ACCOUNTS', 'SCOPES']

export function clientList(parent: Command, terminal: Terminal): void {
  parent
    .command('list')
    .description('list the clients')
    .option('--json', 'as JSON')
    .addHelpText('after', sources)
    .action((options: { json?: boolean }) => list(options, terminal))
}

async function list({ json }: { json?: boolean }, terminal: Terminal): Promise<void> {
  const config = hubConfig(terminal)
  const clients = await withClientsText(config, terminal, (text) => knownClients(config, text))
  if (json) terminal.printJson(clients.map(asJson))
  else if (clients.length === 0) terminal.tell('There is no client. "wechat-hub client add" makes one.')
  else terminal.print(table([heads, ...clients.map(asRow)]))
}

function asRow(client: KnownClient): string[] {
  const { name, source, shadowed, keyHashes, accounts, scopes } = client
  const from = shadowed ? `${source}, not used` : source
  return [name, from, String(keyHashes.length), starts(client).join(','), accounts.join(','), scopes.join(',')]
}

function asJson(client: KnownClient): object {
  const { name, source, shadowed, keyHashes, accounts, scopes } = client
  return { name, source, used: !shadowed, keys: keyHashes.length, hashes: starts(client), accounts, scopes }
}

function starts({ keyHashes }: KnownClient): string[] {
  return keyHashes.map((hash) => hash.slice(0, 8))
}
