import type { Command } from 'commander'
import { ClientEditError, ClientEditor } from '../access/client-editor.js'
import { CommandError } from './failure.js'
import { hubConfig } from './hub-settings.js'
import { asCannotChange } from './known-clients.js'
import type { Terminal } from './terminal.js'

const steps = `
1. wechat-hub client rotate crm            prints a second key; both work
2. give the new key to the back end
3. wechat-hub client rotate crm --finish   ends the older key`

export function clientRotate(parent: Command, terminal: Terminal): void {
  parent
    .command('rotate')
    .description('give a client a second key, or end the older one')
    .argument('<name>')
    .option('--finish', 'keep only the newest key')
    .addHelpText('after', steps)
    .action((name: string, { finish }: { finish?: boolean }) => rotate(name, finish === true, terminal))
}

async function rotate(name: string, finish: boolean, terminal: Terminal): Promise<void> {
  const config = hubConfig(terminal)
  const editor = new ClientEditor(config)
  try {
    if (finish) tellOfEnd(name, await editor.finish(name), terminal)
    else show(name, await editor.rotate(name), terminal)
  } catch (error) {
    if (error instanceof ClientEditError && error.code === 'two-keys') throw new CommandError(unfinished(error, name))
    throw asCannotChange(error, name, config)
  }
}

function show(name: string, key: string, terminal: Terminal): void {
  terminal.reveal(key)
  terminal.tell(
    `The second key of the client "${name}". It is shown only now. The older one goes on to work until`,
    `  wechat-hub client rotate ${name} --finish`,
  )
}

function tellOfEnd(name: string, ended: boolean, terminal: Terminal): void {
  if (ended) terminal.tell(`The older key of the client "${name}" is dead; a running hub refuses it within a second.`)
  else terminal.tell(`The client "${name}" has only one key.`)
}

function unfinished({ message }: Error, name: string): string {
  return `${message}. Once its back end uses the newer one, "wechat-hub client rotate ${name} --finish" ends the older one`
}
