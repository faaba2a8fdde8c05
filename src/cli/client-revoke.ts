import type { Command } from 'commander'
import { ClientEditor } from '../access/client-editor.js'
import { auditChange } from './client-audit.js'
import { withClientsText } from './clients-text.js'
import { hubConfig } from './hub-settings.js'
import { asCannotChange, knownClients } from './known-clients.js'
import type { Terminal } from './terminal.js'

export function clientRevoke(parent: Command, terminal: Terminal): void {
  parent
    .command('revoke')
    .description('remove a client: its keys are dead')
    .argument('<name>')
    .action((name: string) => revoke(name, terminal))
}

async function revoke(name: string, terminal: Terminal): Promise<void> {
  const config = hubConfig(terminal)
  const left = await withClientsText(config, terminal, async (text) => {
    await new ClientEditor({ text }).revoke(name).catch((error: unknown) => {
      throw asCannotChange(error, name, { config, text })
    })
    terminal.tell(
      `The client "${name}" is removed; a running hub refuses its keys within a second. Changed:`,
      `  ${text.where}`,
    )
    await auditChange(config, { client: name, change: 'revoked' }, terminal)
    return knownClients(config, text)
  })
  if (left.some((client) => client.name === name)) {
    terminal.tell(`The configuration has a client "${name}" too, which remains.`)
  }
  if (left.length === 0) terminal.tell('No client is left: nobody can use the hub.')
}
