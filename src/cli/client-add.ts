import type { Command } from 'commander'
import { ClientEditor } from '../access/client-editor.js'
import { isScope } from '../access/scope.js'
import type { Config } from '../config.js'
import type { Scope } from '../http/route.js'
import { auditChange } from './client-audit.js'
import { withClientsText } from './clients-text.js'
import { CommandError } from './failure.js'
import { accountNames, appIDOf, hubConfig } from './hub-settings.js'
import { fixedNames } from './known-clients.js'
import type { Terminal } from './terminal.js'

const examples = `
Scopes: token, ticket, jssdk, session, metrics, admin, gateway:/path, gateway:/path/* (all below /path/).
The key is printed on stdout, alone and only now: the hub keeps its hash.

Examples:
  wechat-hub client add crm --account shop --scope token
  wechat-hub client add erp --account shop blog --scope token 'gateway:/cgi-bin/message/*'
  wechat-hub client add prometheus --account '*' --scope metrics > prometheus.key`

interface Options {
  readonly account: readonly string[]
  readonly scope: readonly string[]
}

export function clientAdd(parent: Command, terminal: Terminal): void {
  parent
    .command('add')
    .description('add a client and print its key')
    .argument('<name>', '1 to 64 letters, digits, "_", "." and "-"')
    .requiredOption('--account <names...>', "the accounts it may use, or '*' (in quotes): all")
    .requiredOption('--scope <scopes...>', 'what it may do')
    .addHelpText('after', examples)
    .action((name: string, options: Options) => add(name, options, terminal))
}

async function add(name: string, options: Options, terminal: Terminal): Promise<void> {
  const config = hubConfig(terminal)
  const accounts = checkedAccounts(options.account, config)
  const scopes = checkedScopes(options.scope)
  await withClientsText(config, terminal, async (text) => {
    const editor = new ClientEditor({ text, reserved: fixedNames(config) })
    terminal.reveal(await editor.add({ name, accounts, scopes }))
    terminal.tell(
      `The key of the client "${name}". It is shown only now: only its hash is kept, in`,
      `  ${text.where}`,
      'A running hub takes it within a second. How to use it:',
      ...uses(config, accounts, scopes).map((line) => `  ${line}`),
    )
  })
  await auditChange(config, { client: name, change: 'added' }, terminal)
}

function checkedAccounts(given: readonly string[], config: Config): string[] {
  const names = [...new Set(given)]
  if (names.includes('*')) {
    if (names.length === 1) return names
    throw new CommandError(`'*' means all accounts: give it alone`)
  }
  const known = accountNames(config)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length === 0) return names
  const listed = unknown.map((name) => JSON.stringify(name)).join(', ')
  throw new CommandError(
    `there is no account ${listed} (known: ${known.join(', ')}). Write '*' in quotes for all, or the shell makes file names of it`,
  )
}

function checkedScopes(given: readonly string[]): Scope[] {
  return [...new Set(given)].map((scope) => {
    if (isScope(scope)) return scope
    throw new CommandError(
      `${JSON.stringify(scope)} is no scope; there are token, ticket, jssdk, session, metrics, admin, gateway:/path and gateway:/path/*`,
    )
  })
}

/** What a developer sets to use the key. */
function uses(config: Config, accounts: readonly string[], scopes: readonly Scope[]): string[] {
  const { port, host } = config.server
  const name = ['::', '0.0.0.0'].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host
  const hub = `http://${name}:${port}`
  if (scopes.every((scope) => scope === 'metrics')) {
    return [`curl -H "Authorization: Bearer $KEY" ${hub}/metrics`]
  }
  const account = accounts[0] === '*' ? accountNames(config)[0] : accounts[0]
  const overHttp = `curl -H "Authorization: Bearer $KEY" ${hub}/v1/${account}/access-token`
  return [
    'in an SDK for WeChat:',
    `  API host    ${hub} in the place of https://api.weixin.qq.com`,
    `  appID       ${appIDOf(config, account)}`,
    '  AppSecret   KEY',
    ...(scopes.some((scope) => scope === 'token' || scope === 'admin') ? ['over HTTP:', `  ${overHttp}`] : []),
  ]
}
